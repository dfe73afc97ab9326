/** The demo, step by step. Everything it starts it stops, also after Ctrl-C. */
import type { Event } from '../../contract/events.ts';
import { serviceClient, stopFollower } from '../../leader/index.ts';
import { reportError } from '../report-error.ts';
import type { Interrupts } from '../run/interrupts.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import type { Io } from '../terminal/io.ts';
import { runAw, type Service, startService } from './children.ts';
import {
  adoptLines,
  editLines,
  opening,
  outcomeLines,
  readBackLines,
  secondOutcomeLines,
  tryNext,
} from './narration.ts';
import { editProject, equalHosts, type Stage, setStage, strike } from './stage.ts';

const SESSION = 'demo';
const ADOPT = ['agent', 'followers', 'sync-fence', '--adopt'];
const TESTS = ['node', '--test', '--test-reporter', 'dot'];

/** Resolves to 0 when everything went as it should, the failure on one host included. */
export async function runDemo(isKeeping: boolean, io: Io): Promise<number> {
  const interrupts = watchInterrupts();
  const stage = await setStage(io.env);
  const world: World = { stage, io, interrupts, env: childEnv(io.env, stage.state) };
  let exitCode = 1;
  let isKept = false;
  try {
    exitCode = await play(world);
    isKept = isKeeping && exitCode === 0;
    if (isKept) leave(world);
  } finally {
    if (!isKept && !(await tearDown(world))) exitCode ||= 4;
    interrupts.dispose();
  }
  return exitCode;
}

interface World {
  stage: Stage;
  io: Io;
  interrupts: Interrupts;
  env: NodeJS.ProcessEnv;
  service?: Service;
}

async function play(world: World): Promise<number> {
  const { stage, io, env } = world;
  let interrupted = false;
  world.interrupts.listen(() => {
    interrupted = true;
  });
  const say = (lines: readonly string[]) => io.write('stdout', `${lines.join('\n')}\n`);
  world.service = await startService(stage.root, env);
  const { url } = world.service;
  await serviceClient({ url }).createSession({ id: SESSION, title: 'the demo' });

  const run = (...options: string[]) => [
    'agent',
    'run-everywhere',
    ...options,
    '--map-output',
    '--service',
    url,
    '--session',
    SESSION,
    '--',
    ...TESTS,
  ];
  const { paint } = io.stdout;
  const onTheirs = run('--no-fence');
  say(opening(stage, url, onTheirs, paint));
  if (interrupted) return 130;
  const first = await runAw(onTheirs, stage.project, env);
  if (interrupted) return 130;
  say(outcomeLines(first, stage, paint));

  say(adoptLines(ADOPT, paint));
  const adopted = await runAw(ADOPT, stage.project, env);
  if (interrupted) return 130;

  await editProject(stage);
  const onOurs = run();
  say(editLines(stage, onOurs, paint));
  const second = await runAw(onOurs, stage.project, env);
  if (interrupted) return 130;
  const equal = await equalHosts(stage);
  say(secondOutcomeLines(second, equal, stage, paint));

  const back = readBackLines(await readBack(url), stage, paint);
  say(back.lines);
  const isRight = first === 1 && adopted === 0 && second === 0 && equal.length === stage.hosts.length;
  return isRight && back.isComplete ? 0 : 1;
}

/** The session's events, live over SSE, up to the summary of the second run. */
async function readBack(url: string): Promise<Event[]> {
  const events: Event[] = [];
  const signal = AbortSignal.timeout(10_000);
  for await (const { event } of serviceClient({ url }).events(SESSION, { follow: true, signal })) {
    events.push(event);
    if (events.filter(({ type }) => type === 'summary').length === 2) break;
  }
  return events;
}

function leave({ stage, io, service }: World): void {
  service!.release();
  io.write('stdout', `${tryNext(stage, service!, io.stdout.paint).join('\n')}\n`);
}

/** True when nothing is left; what could not be stopped is said. */
async function tearDown({ stage, service, io }: World): Promise<boolean> {
  const results = await Promise.allSettled([
    service?.stop(),
    ...stage.hosts.map(host => stopFollower(host, { stateDir: stage.state, force: true })),
  ]);
  await strike(stage.root);
  const failures = results.filter(result => result.status === 'rejected');
  for (const { reason } of failures) reportError(reason, io, false);
  const isClean = failures.length === 0;
  if (isClean) io.write('stdout', 'The service and the followers are stopped, their files removed.\n');
  return isClean;
}

/** What a person's own settings could change is left out, and nothing is started that stays. */
function childEnv(env: NodeJS.ProcessEnv, state: string): NodeJS.ProcessEnv {
  const own = Object.entries(env).filter(([name]) => !/^AW_/i.test(name));
  return { ...Object.fromEntries(own), AW_STATE_DIR: state, AW_NO_DAEMON: '1' };
}
