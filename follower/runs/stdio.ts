/**
 * The standard streams of a run.
 *
 * On POSIX they are named pipes whose names are removed at once, not the socket pairs that spawn makes: a program may
 * open `/dev/stderr` again, which fails with ENXIO on a socket. Names are made ahead, so that a run waits for none.
 */
import { type ChildProcess, execFile, type StdioOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, closeSync, constants, mkdirSync, openSync, rmSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { AwError } from '../../contract/errors.ts';

/** The agent's ends. The run that holds them destroys them. */
export interface RunStreams {
  stdout: Readable;
  stderr: Readable;
  /** Absent for a run without input. */
  stdin?: Writable;
}

export interface RunStdio {
  /** For spawn. */
  readonly child: StdioOptions;
  /** Lets go of the child's ends, which the child has by now, and gives the agent's. */
  attach(child: ChildProcess): RunStreams;
  /** Closes everything, when there is no child. */
  abandon(): void;
}

export interface StdioSupply {
  /** @throws AW_SPAWN_FAILED when pipes cannot be made. */
  open(stdin: 'none' | 'stream'): Promise<RunStdio>;
  close(): Promise<void>;
}

/** Makes the pipes of runs. `directory` is the supply's own: it is emptied now. */
export function createStdioSupply(directory: string): StdioSupply {
  if (process.platform === 'win32') return { open: async stdin => nodePipes(stdin), close: async () => {} };
  const names = new FifoNames(directory);
  return {
    async open(stdin) {
      const [out, error] = [openForReading(await names.take()), openForReading(await names.take())];
      const input = stdin === 'none' ? undefined : openForWriting(await names.take());
      return fifos(out, error, input);
    },
    close: () => names.close(),
  };
}

/** Where `mkfifo` is; undefined on a machine without it. */
export function findMkfifo(): string | undefined {
  return ['/usr/bin/mkfifo', '/bin/mkfifo'].find(path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

interface Ends {
  ours: number;
  childs: number;
}

/** Non-blocking on our side only: each `open` has its own flags, and programs expect blocking streams. */
function openForReading(path: string): Ends {
  try {
    const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const childs = openSync(path, constants.O_WRONLY);
    return { ours, childs };
  } finally {
    unlinkSync(path);
  }
}

function openForWriting(path: string): Ends {
  try {
    // A writer can be opened only where a reader is; opened without waiting, this reader makes the two others possible.
    const first = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const ours = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const childs = openSync(path, constants.O_RDONLY);
    closeSync(first);
    return { ours, childs };
  } finally {
    unlinkSync(path);
  }
}

function fifos(out: Ends, error: Ends, input: Ends | undefined): RunStdio {
  const all = input === undefined ? [out, error] : [out, error, input];
  const closeChilds = () => {
    for (const { childs } of all) closeSync(childs);
  };
  return {
    child: [input === undefined ? 'ignore' : input.childs, out.childs, error.childs],
    attach() {
      closeChilds();
      return {
        stdout: new net.Socket({ fd: out.ours, readable: true, writable: false }),
        stderr: new net.Socket({ fd: error.ours, readable: true, writable: false }),
        ...(input && { stdin: new net.Socket({ fd: input.ours, readable: false, writable: true }) }),
      };
    },
    abandon() {
      closeChilds();
      for (const { ours } of all) closeSync(ours);
    },
  };
}

function nodePipes(stdin: 'none' | 'stream'): RunStdio {
  return {
    child: [stdin === 'none' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    attach: child => ({
      stdout: child.stdout!,
      stderr: child.stderr!,
      ...(child.stdin === null ? {} : { stdin: child.stdin }),
    }),
    abandon() {},
  };
}

const AHEAD = 48;
/** A run that takes the last few has better things to do than to wait for the start of another program. */
const REFILL_DELAY_MS = 50;

/** Names of new pipes, made by the dozen. */
class FifoNames {
  readonly #directory: string;
  #ready: string[] = [];
  #making: Promise<void> | undefined;
  #refill: NodeJS.Timeout | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // A failure is told to the run that needs a pipe.
    this.#make().catch(() => {});
  }

  async take(): Promise<string> {
    while (this.#ready.length === 0) await this.#make();
    const name = this.#ready.pop()!;
    if (this.#ready.length < AHEAD / 2) {
      this.#refill ??= setTimeout(() => {
        this.#refill = undefined;
        this.#make().catch(() => {});
      }, REFILL_DELAY_MS);
    }
    return name;
  }

  async close(): Promise<void> {
    clearTimeout(this.#refill);
    await this.#making?.catch(() => {});
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #make(): Promise<void> {
    this.#making ??= mkfifo(this.#directory)
      .then(names => {
        this.#ready.push(...names);
      })
      .finally(() => {
        this.#making = undefined;
      });
    return this.#making;
  }
}

function mkfifo(directory: string): Promise<string[]> {
  return new Promise((fulfil, reject) => {
    const program = findMkfifo();
    const fail = (reason: string) => reject(new AwError('AW_SPAWN_FAILED', { file: 'mkfifo', reason }));
    if (program === undefined) return fail('it is neither in /usr/bin nor in /bin');
    const names = Array.from({ length: AHEAD }, () => join(directory, randomBytes(6).toString('hex')));
    execFile(program, ['-m', '600', ...names], { timeout: 10_000 }, (error, _out, complaint) => {
      if (error === null) fulfil(names);
      else fail(complaint.trim() || error.message);
    });
  });
}
