/** The directories a run needs: the workspace, and the agent's own for journals and sockets. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { asAwError } from '../../../contract/errors.ts';
import type { Finding } from '../../../contract/follower-api.ts';
import { quotePosix, quotePowerShell } from '../../adapters/index.ts';
import { verifyDirectory } from '../../path-mapping/verify-directory.ts';
import { OS } from '../machine.ts';
import { disk } from './disk.ts';

/** Runs may start in a directory they cannot write to, but few end well. */
export async function workspace(cwd: string): Promise<Finding[]> {
  const check = 'workspace';
  try {
    const path = await verifyDirectory(cwd);
    const at = path === cwd ? cwd : `${cwd} (really ${path})`;
    const problem = whyNotWritable(path);
    const finding: Finding =
      problem === undefined
        ? { check, status: 'ok', detail: `${at}, ${owner(path)}, writable` }
        : {
            check,
            status: 'warning',
            detail: `${at}, ${owner(path)}, ${problem.why}`,
            fix: problem.fix,
          };
    return [finding, disk('workspace disk', path)];
  } catch (error) {
    const { reason } = asAwError(error).details;
    return [{ check, status: 'failed', detail: `${cwd}: ${reason}`, fix: fixMissing(cwd) }];
  }
}

/** Where the agent keeps what must outlive it: without it no run starts. */
export function stateDirectory(path: string): Finding[] {
  const check = 'state directory';
  const problem = whyNotWritable(path);
  const finding: Finding =
    problem === undefined
      ? { check, status: 'ok', detail: `${path}, writable` }
      : { check, status: 'failed', detail: `${path}, ${owner(path)}, ${problem.why}`, fix: problem.fix };
  return [finding, disk('state disk', path)];
}

function whyNotWritable(path: string): { why: string; fix: string } | undefined {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const target = OS === 'windows' ? quotePowerShell(path) : quotePosix(path);
    if (code === 'EROFS') {
      const mount = mountOf(path);
      return {
        why: 'its file system is mounted read-only',
        fix: `sudo mount -o remount,rw ${quotePosix(mount ?? path)}`,
      };
    }
    if (code !== 'EACCES' && code !== 'EPERM')
      return { why: `not writable: ${message}`, fix: `ls -ld ${target}` };
    const why = `${userInfo().username} may not write to it`;
    if (OS === 'windows') return { why, fix: `icacls ${target} /grant "${userInfo().username}:(OI)(CI)M"` };
    const isOwn = statSync(path).uid === process.getuid?.();
    return {
      why,
      fix: isOwn ? `chmod u+rwx ${target}` : `sudo chown -R ${quotePosix(userInfo().username)} ${target}`,
    };
  }
}

/** The mount point a path is below; undefined where there is no such list. */
function mountOf(path: string): string | undefined {
  try {
    const points = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map(line =>
        (line.split(' ')[1] ?? '').replace(/\\([0-7]{3})/g, (_, octal) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        ),
      )
      .filter(
        point => point !== '' && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`)),
      );
    return points.sort((one, other) => other.length - one.length)[0];
  } catch {
    return undefined;
  }
}

function owner(path: string): string {
  if (OS === 'windows') return 'owner not looked at';
  const { uid } = statSync(path);
  return uid === process.getuid?.() ? `owned by ${userInfo().username}` : `owned by user ${uid}`;
}

function fixMissing(cwd: string): string {
  if (OS === 'windows') return `New-Item -ItemType Directory -Force ${quotePowerShell(cwd)}`;
  try {
    return statSync(cwd).isDirectory()
      ? `chmod u+rx ${quotePosix(cwd)}`
      : `correct "workspace" in the catalogue: ls -ld ${quotePosix(cwd)} shows what is there`;
  } catch {
    return `mkdir -p ${quotePosix(cwd)}`;
  }
}
