/** The frame around every command: streams, errors, exit codes. */
import { AwError } from '../contract/errors.ts';
import type { CommandRun } from './options/command.ts';
import { createIo, EXIT_READER_GONE, type Io } from './terminal/io.ts';

/** Runs one command of this process to its exit code; nothing is thrown. */
export async function runCommandLine(
  run: CommandRun,
  name: string,
  argv: readonly string[],
  io: Io = createIo(),
): Promise<number> {
  try {
    const code = await run(name, argv, io);
    return io.stdoutClosed.aborted ? await endOfReader(io, argv) : code;
  } catch (thrown) {
    // Whatever else broke then broke because of it.
    return io.stdoutClosed.aborted ? endOfReader(io, argv) : report(thrown, io, argv);
  }
}

async function endOfReader(io: Io, argv: readonly string[]): Promise<number> {
  const reason: unknown = io.stdoutClosed.reason;
  return reason instanceof AwError ? report(reason, io, argv) : EXIT_READER_GONE;
}

async function report(thrown: unknown, io: Io, argv: readonly string[]): Promise<number> {
  const { reportError } = await import('./report-error.ts');
  return reportError(thrown, io, isDebug(argv, io.env));
}

function isDebug(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--debug') || Boolean(env.AW_DEBUG);
}
