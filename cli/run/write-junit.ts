/** The JUnit report as a file that is complete or not there. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import { type JunitRun, junitReport } from '../render/junit.ts';

/** @throws AW_DISK */
export async function writeJunit(file: string, run: JunitRun, cwd: string): Promise<void> {
  const path = resolve(cwd, file);
  const partial = `${path}.${process.pid}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, junitReport(run));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw new AwError('AW_DISK', { path, reason: (error as Error).message }, { cause: error });
  }
}
