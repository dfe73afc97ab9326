/**
 * Runs on the host, bundled and behind a line that sets `awInstallRequest`; see `there.ts`. The answer is one line of
 * JSON on stdout. Must run on every Node from `OLDEST_NODE` on.
 */
import type { InstallRequest } from '../../contract/installation.ts';
import { act } from './versions.ts';

const { awInstallRequest } = globalThis as unknown as { awInstallRequest: InstallRequest };
process.stdout.write(`${JSON.stringify(act(awInstallRequest))}\n`);
