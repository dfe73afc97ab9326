/**
 * Installs the dependencies when they are missing or older than the lockfile, so that `npm start` and `npm test` work
 * from a bare clone. Plain JavaScript: it runs before the pinned Node is there.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** 0 for a file that is not there. */
function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// npm writes this copy of the lockfile last, so it is there only after a complete installation.
if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  console.error('Installing dependencies...');
  const npm = process.env.npm_execpath;
  const [file, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const result = spawnSync(file, [...args, 'ci', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: npm === undefined && process.platform === 'win32',
  });
  if (result.status !== 0) {
    console.error('error: npm ci failed; what it printed above says why');
    process.exit(result.status ?? 1);
  }
}
