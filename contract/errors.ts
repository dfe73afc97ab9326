/** The one error class of the project, and how it crosses a wire. */
import { type ErrorCode, type ErrorEntry, errorRegistry } from './error-registry.ts';
import type { WireError } from './events.ts';

type Placeholders<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${string}"${string}` ? never : Name) | Placeholders<Rest>
  : never;

/** The values a code's text and remedy name, each required; `{host}` is the error's own host. */
export type ErrorDetails<C extends ErrorCode> = Record<
  Exclude<Placeholders<(typeof errorRegistry)[C]['text' | 'remedy']>, 'host'>,
  string | number
>;

/**
 * An error with a stable code from the registry. `message` names the value, `remedy` the next step;
 * `host` is set when one host is the cause.
 */
export class AwError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'AwError';
  readonly code: C;
  readonly remedy: string;
  readonly details: Readonly<Record<string, string | number>>;
  readonly host: string | undefined;

  constructor(code: C, details: ErrorDetails<C>, options?: { host?: string; cause?: unknown }) {
    const entry: ErrorEntry = errorRegistry[code];
    super(fill(entry.text, details), options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = details;
    this.remedy = fill(entry.remedy, { host: options?.host ?? 'NAME', ...details });
    this.host = options?.host;
  }

  /** The CLI's exit code when this error decides it. */
  get exitCode(): number {
    return errorRegistry[this.code].exit;
  }

  /** The HTTP status this error has as a Problem. */
  get status(): number {
    return errorRegistry[this.code].status;
  }

  /** As it stands in an event. */
  toWire(): WireError {
    return { code: this.code, message: this.message, remedy: this.remedy };
  }

  /** The same error, said of one host. */
  forHost(host: string): AwError<C> {
    return new AwError(this.code, this.details as ErrorDetails<C>, { host, cause: this.cause ?? this });
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorRegistry, code);
}

/** The exit code a coded error asks for; 4 for a code of a newer peer. */
export function exitCodeOf(code: string): number {
  return isErrorCode(code) ? errorRegistry[code].exit : 4;
}

/** Whatever was thrown, as a coded error. */
export function asAwError(thrown: unknown, host?: string): AwError {
  if (thrown instanceof AwError)
    return host !== undefined && thrown.host === undefined ? thrown.forHost(host) : thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new AwError('AW_INTERNAL', { reason }, { ...(host === undefined ? {} : { host }), cause: thrown });
}

/**
 * A value as it is shown to a person: JSON escapes for everything that could move a cursor or hide,
 * at most `limit` characters.
 */
export function show(value: string, limit = 120): string {
  const cut = value.length > limit ? `${value.slice(0, limit)}…` : value;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udfff](?![\udc00-\udfff])/gu,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function fill(template: string, details: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(details, name) ? String(details[name]) : whole,
  );
}
