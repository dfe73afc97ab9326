/** Where the events of a run go, from the options. */
import type { ServiceTarget } from '../../leader/index.ts';
import { type ServiceOptions, serviceAccess } from '../options/service.ts';
import type { Io } from '../terminal/io.ts';

interface TargetOptions extends ServiceOptions {
  session?: string;
  followerReports?: boolean;
}

/**
 * Undefined without `--service`. Without `--session` a session called `title` is made, and named on stderr.
 * @throws AW_TOKEN_FILE, AW_SERVICE_UNREACHABLE and what else the service answers: before anything runs.
 */
export async function serviceTarget(
  options: TargetOptions,
  title: string,
  io: Io,
): Promise<ServiceTarget | undefined> {
  if (options.service === undefined) return undefined;
  const access = await serviceAccess(options.service, options.tokenFile, io);
  const sessionId = options.session ?? (await createSession(access, title, io));
  return { ...access, sessionId, followerReports: options.followerReports === true };
}

async function createSession(
  access: { url: string; token?: string },
  title: string,
  io: Io,
): Promise<string> {
  const { serviceClient } = await import('../../leader/service-client.ts');
  const { id } = await serviceClient(access).createSession({ title: title.slice(0, 200) });
  io.write('stderr', `session ${id}: ${access.url}/api/v1/sessions/${id}/events\n`);
  return id;
}
