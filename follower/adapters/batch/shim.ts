/**
 * The batch files that npm, pnpm and yarn write for a package's programs. Each only starts `node script.js`, so the
 * program is started without cmd.exe and can receive every argument.
 *
 * A file counts as a shim only when every line of it is one that these tools write: a batch file that does anything
 * else has to be run as what it is. (`npm.cmd` itself is no shim: it asks npm where the npm to run is.)
 */
import { win32 } from 'node:path';
import type { HostFacts } from '../types.ts';
import { findOnWindows, windowsVariable, withWindowsVariable } from '../windows/lookup.ts';

export interface ShimTarget {
  file: string;
  /** Come before the user's arguments. */
  args: string[];
  env: Readonly<Record<string, string>>;
}

/** `%dp0%` is what newer shims copy `%~dp0` to; both mean the shim's directory. */
const HERE = '%(?:~dp0|dp0%)';
const FRAME = new RegExp(
  '^(?:echo off|setlocal|endlocal|goto start|:start|:find_dp0|call :find_dp0|set dp0=%~dp0|exit /b|::.*|rem .*|' +
    `if exist "${HERE}\\\\node\\.exe" \\(|set "_prog=${HERE}\\\\node\\.exe"|set "_prog=node"|` +
    'set pathext=%pathext:;\\.js;=;%|if not defined node_path \\(|\\) else \\(|\\))$',
  'i',
);
const NODE_PATH = /^set "node_path=([^"%]+?)(?:;%node_path%)?"$/i;
/** [1] the interpreter if there is one, [2] its options, [3] what is run. */
const RUN = new RegExp(
  '^(?:endlocal & goto #_undefined_# 2>nul \\|\\| title %comspec% & )?' +
    `(?:("%_prog%"|"${HERE}\\\\node\\.exe"|node|"[a-z]:\\\\[^"%]*\\\\node\\.exe")\\s+((?:--?[\\w.:=/-]+\\s+)*))?` +
    `"((?:${HERE}|[a-z]:)\\\\?[^"%]+)"\\s+%\\*$`,
  'i',
);

/** What the shim at `file` runs, or undefined when it is no shim or what it names is not there. */
export function shimTarget(file: string, facts: HostFacts): ShimTarget | undefined {
  const shim = parse(facts.readText(file) ?? '');
  if (shim === undefined) return undefined;
  const directory = win32.dirname(file);
  const script = inDirectory(shim.target, directory);
  if (['missing', 'directory'].includes(facts.probe(script))) return undefined;
  const env = withNodePath(facts.env, shim.nodePath);
  if (shim.interpreter === undefined)
    return /\.(?:exe|com)$/i.test(script) ? { file: script, args: [], env } : undefined;
  const node = findNode(shim.interpreter, directory, facts);
  return node === undefined ? undefined : { file: node, args: [...shim.options, script], env };
}

interface Shim {
  interpreter: string | undefined;
  options: string[];
  target: string;
  nodePath: string | undefined;
}

function parse(text: string): Shim | undefined {
  let shim: Shim | undefined;
  let nodePath: string | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim().replace(/^@/, '');
    const run = RUN.exec(line);
    const path = NODE_PATH.exec(line)?.[1];
    if (run !== null) {
      const [, interpreter, options = '', target = ''] = run;
      const found = { interpreter, options: options.split(/\s+/).filter(Boolean), target, nodePath };
      // The branches with and without a node.exe beside the shim must start the same thing.
      if (
        shim !== undefined &&
        (shim.target !== target || shim.options.join(' ') !== found.options.join(' '))
      )
        return undefined;
      shim ??= found;
    } else if (path !== undefined) {
      if (nodePath !== undefined && nodePath !== path) return undefined;
      nodePath = path;
    } else if (line !== '' && !FRAME.test(line)) return undefined;
  }
  return shim;
}

/** An absolute node.exe as named; else the one beside the shim; else the first in PATH, unless that is another batch file. */
function findNode(interpreter: string, directory: string, facts: HostFacts): string | undefined {
  const named = /^"([a-z]:.*)"$/i.exec(interpreter)?.[1];
  if (named !== undefined) return facts.probe(named) === 'executable' ? named : undefined;
  const beside = win32.join(directory, 'node.exe');
  if (facts.probe(beside) === 'executable') return beside;
  const lookup = findOnWindows('node', facts);
  return lookup.kind === 'found' && /\.(?:exe|com)$/i.test(lookup.file) ? lookup.file : undefined;
}

function inDirectory(target: string, directory: string): string {
  return win32.normalize(target.replace(new RegExp(`^${HERE}`, 'i'), () => `${directory}\\`));
}

function withNodePath(env: Readonly<Record<string, string>>, nodePath: string | undefined) {
  if (nodePath === undefined) return env;
  const inherited = windowsVariable(env, 'NODE_PATH');
  return withWindowsVariable(env, 'NODE_PATH', inherited ? `${nodePath};${inherited}` : nodePath);
}
