/** Errors as a person reads them: code, host, what happened, what to do. */
import type { AwError } from '../../contract/errors.ts';
import type { WireError } from '../../contract/events.ts';
import { joinAlike, whereText } from './alike.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

type ShownError = WireError | Pick<AwError, 'code' | 'message' | 'remedy'>;

/**
 * `error AW_CODE (host a): message` and, when there is one, `  remedy: ...` on a second line.
 * The texts may come from another machine, so control characters are taken out.
 */
export function errorLines(error: ShownError, paint: Paint, host?: string): string[] {
  return errorText(error, paint, host === undefined ? [] : [host]);
}

/** The errors of several hosts: one that all have, but for their names, is said once, with all of them. */
export function jointErrorLines(
  errors: readonly { host: string; error: ShownError }[],
  paint: Paint,
): string[] {
  const joint = joinAlike(
    errors.map(({ host, error }) => ({ host, texts: [error.code, error.message, error.remedy ?? ''] })),
  );
  return joint.flatMap(({ hosts, texts: [code, message, remedy] }) =>
    errorText({ code: code!, message: message!, remedy: remedy! }, paint, hosts),
  );
}

function errorText({ code, message, remedy }: ShownError, paint: Paint, hosts: readonly string[]): string[] {
  return [
    `${paint('red', `error ${printable(code)}`)}${whereText(hosts)}: ${printable(message)}`,
    ...(remedy ? [`  ${paint('dim', 'remedy:')} ${printable(remedy)}`] : []),
  ];
}
