/** Errors over HTTP: RFC 9457 Problem Details, with `errors` naming each field that was wrong. */
import { z } from 'zod';
import type { ErrorCode } from './error-registry.ts';
import { AwError, type ErrorDetails, isErrorCode } from './errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().optional(),
  code: z.string(),
  remedy: z.string().optional(),
  /** The values of the text, so that the receiver can make the same error again. */
  details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  errors: z.record(z.string(), z.string()).optional(),
});
export type Problem = z.infer<typeof Problem>;

export function toProblem(error: AwError, errors?: Record<string, string>): Problem {
  return {
    type: `urn:agents-workflow:error:${error.code}`,
    title: error.code,
    status: error.status,
    detail: error.message,
    code: error.code,
    remedy: error.remedy,
    details: { ...error.details },
    ...(errors === undefined ? {} : { errors }),
  };
}

/** The error a Problem stands for. One this version does not know becomes `AW_SERVICE_REJECTED` with its text. */
export function fromProblem(body: unknown, status: number, host?: string): AwError {
  const parsed = Problem.safeParse(body);
  const at = host === undefined ? undefined : { host };
  if (parsed.success && isErrorCode(parsed.data.code)) {
    const details = (parsed.data.details ?? {}) as ErrorDetails<ErrorCode>;
    return new AwError(parsed.data.code, details, at);
  }
  const reason = parsed.success
    ? `${parsed.data.code}: ${parsed.data.detail ?? parsed.data.title}`
    : 'no problem document';
  return new AwError('AW_SERVICE_REJECTED', { status, reason }, at);
}

/** The first few issues of a failed parse as a map from field path to what is wrong there. */
export function fieldErrors(error: z.ZodError): Record<string, string> {
  return Object.fromEntries(
    error.issues.slice(0, 20).map(issue => [issue.path.map(String).join('.') || '(body)', issue.message]),
  );
}
