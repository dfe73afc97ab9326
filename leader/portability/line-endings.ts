/** Text files whose line endings are not those that the repository says they have. They arrive everywhere just so. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Finding } from './lint.ts';

/** Bytes of git's answer; a million files are half of that. */
const ANSWER = 256 * 1024 * 1024;
const TIMEOUT = 120_000;
/** Nothing that a repository's own settings could have git start. */
const QUIET = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];
/** `i/lf    w/crlf  attr/text=auto eol=lf <TAB>path`: in git, on disk, and as the attributes have it. */
const LINE = /^i\/(\S*) +w\/(\S*) +attr\/(.*?) *\t(.*)$/s;

/** Undefined where git has nothing to say: no repository, or no git. */
export async function lineEndings(project: string): Promise<Finding[] | undefined> {
  const args = ['ls-files', '--eol', '-z', '--cached', '--others', '--exclude-standard'];
  try {
    const { stdout } = await promisify(execFile)('git', [...QUIET, ...args], {
      cwd: project,
      maxBuffer: ANSWER,
      timeout: TIMEOUT,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' },
    });
    return stdout.split('\0').flatMap(lineEndingProblem);
  } catch {
    return undefined;
  }
}

export function lineEndingProblem(line: string): Finding[] {
  const [, index, tree, attributes = '', path] = LINE.exec(line) ?? [];
  if (path === undefined || attributes.split(' ').includes('-text')) return [];
  const wanted = /\beol=(lf|crlf)\b/.exec(attributes)?.[1];
  const level = 'warning';
  if (tree === 'mixed')
    return [{ path, code: 'mixed-line-endings', level, detail: 'some lines end in CRLF, others in LF' }];
  if (tree !== 'lf' && tree !== 'crlf') return [];
  const has = tree.toUpperCase();
  if (wanted !== undefined) {
    const detail = `${has}, where the git attributes say ${wanted.toUpperCase()}`;
    return tree === wanted ? [] : [{ path, code: 'line-endings', level, detail }];
  }
  // Git converts such a file when it is committed and never shows the difference; a follower gets it as it is.
  const isConverted = /(?:^| )text(?:=auto)?(?:$| )/.test(attributes) && tree === 'crlf' && index === 'lf';
  return isConverted ? [{ path, code: 'line-endings', level, detail: 'CRLF on disk, LF in git' }] : [];
}
