/** Errors as a person reads them: code, host, what happened, what to do. */
import type { AwError } from '../../contract/errors.ts';
import type { WireError } from '../../contract/events.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

/**
 * `error AW_CODE (host a): message` and, when there is one, `  remedy: ...` on a second line.
 * The texts may come from another machine, so control characters are taken out.
 */
export function errorLines(
  error: WireError | Pick<AwError, 'code' | 'message' | 'remedy'>,
  paint: Paint,
  host?: string,
): string[] {
  const where = host === undefined ? '' : ` (host ${host})`;
  return [
    `${paint('red', `error ${printable(error.code)}`)}${where}: ${printable(error.message)}`,
    ...(error.remedy ? [`  ${paint('dim', 'remedy:')} ${printable(error.remedy)}`] : []),
  ];
}
