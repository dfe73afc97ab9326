/** Requests that are wrong in themselves. */
import type { z } from 'zod';
import { AwError } from '../../contract/errors.ts';
import { fieldErrors } from '../../contract/problem.ts';

/** `AW_INVALID_REQUEST` with what is wrong by field, and the HTTP status where 400 is not the precise one. */
export class RequestError extends AwError<'AW_INVALID_REQUEST'> {
  readonly errors: Record<string, string> | undefined;
  readonly #status: number;

  constructor(problem: string, options: { errors?: Record<string, string>; status?: number } = {}) {
    super('AW_INVALID_REQUEST', { problem });
    this.errors = options.errors;
    this.#status = options.status ?? 400;
  }

  override get status(): number {
    return this.#status;
  }
}

/**
 * A part of a request as its schema has it.
 * @throws RequestError naming each wrong field.
 */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, part: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = fieldErrors(result.error);
  const [[field, message] = ['', '']] = Object.entries(errors);
  throw new RequestError(`${part}: ${field}: ${message}`, { errors });
}
