/** `aw-follower doctor`. */
import { styleText } from 'node:util';
import { AwError } from '../../contract/errors.ts';
import { type FindingStyle, findingLines } from '../../contract/finding-text.ts';
import { DoctorReport } from '../../contract/follower-api.ts';
import { fromProblem } from '../../contract/problem.ts';
import { openHttp2 } from '../../tunnel/http2.ts';
import type { FollowerOptions } from '../main.ts';
import { connectResident } from './resident.ts';
import { stateDirectory } from './state-directory.ts';

/** Asks the resident agent, so that what is shown is what runs get. @returns 4 when a finding failed. */
export async function doctorCommand(options: FollowerOptions): Promise<number> {
  const report = await ask(stateDirectory(options['state-dir']), options.cwd);
  if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${findingLines(report.findings, style(process.stdout)).join('\n')}\n`);
  return report.findings.some(finding => finding.status === 'failed') ? 4 : 0;
}

async function ask(stateDir: string, cwd: string | undefined): Promise<DoctorReport> {
  const session = await openHttp2(await connectResident(stateDir));
  try {
    const query = cwd === undefined ? '' : `?${new URLSearchParams({ cwd })}`;
    const stream = session.request({ ':path': `/v1/doctor${query}` });
    const status = new Promise<number>((fulfil, reject) => {
      stream.once('response', headers => fulfil(headers[':status'] ?? 0));
      stream.once('error', reject);
      stream.once('close', () => reject(new AwError('AW_PROTOCOL_GARBAGE', { reason: 'no answer' })));
    });
    const chunks: Buffer[] = [];
    const [code] = await Promise.all([
      status,
      (async () => {
        for await (const chunk of stream) chunks.push(chunk);
      })(),
    ]);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (code !== 200) throw fromProblem(body, code);
    return DoctorReport.parse(body);
  } finally {
    session.close();
  }
}

function style(stdout: NodeJS.WriteStream): FindingStyle {
  return {
    paint: (colour, text) => styleText(colour, text),
    ...(stdout.isTTY ? { columns: stdout.columns } : {}),
  };
}
