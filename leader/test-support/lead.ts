/** A leader in a process of its own, for tests that kill it: runs the spec of its argument and tells each event's type. */
import { startRun } from '../run-everywhere/start.ts';

const [spec = '{}', stateDir = ''] = process.argv.slice(2);
const run = await startRun(JSON.parse(spec), { stateDir });
for await (const event of run.events) console.log(event.type);
