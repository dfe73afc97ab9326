/** The values of options: each turns text into its value, or says what it should have been. */
import { InvalidArgumentError } from 'commander';

/** Seconds, with decimals, above 0; gives milliseconds. */
export function parseTimeout(text: string): number {
  const milliseconds = parseSeconds(text);
  if (milliseconds === 0) throw new InvalidArgumentError('It must be longer than 0 seconds.');
  return milliseconds;
}

/** Seconds, with decimals, from 0; gives milliseconds. */
export function parseSeconds(text: string): number {
  // A timer of the platform holds at most 2^31 - 1 ms.
  const milliseconds = /^\d+(?:\.\d+)?$/.test(text) ? Math.ceil(Number(text) * 1000) : Number.NaN;
  if (!(milliseconds <= 2_147_483_647)) {
    throw new InvalidArgumentError('It is a number of seconds, such as 90 or 0.5, up to 2147483.');
  }
  return milliseconds;
}

/** A whole number from 1. */
export function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count === 0) throw new InvalidArgumentError('It is a whole number from 1.');
  return count;
}

/** 0 to 65535; 0 lets the system choose. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65535)) throw new InvalidArgumentError('It is a number from 0 to 65535.');
  return port;
}

/** Bytes, also as `64K`, `10M`, `2G` (powers of 1024). */
export function parseBytes(text: string): number {
  const match = /^(\d{1,12})([KMG])?(?:i?B)?$/i.exec(text);
  const power = { k: 1, m: 2, g: 3 }[match?.[2]?.toLowerCase() ?? ''] ?? 0;
  const bytes = match === null ? 0 : Number(match[1]) * 1024 ** power;
  if (bytes === 0 || !Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError('It is a number of bytes, such as 500000, 64K, 10M or 2G.');
  }
  return bytes;
}

/** An `http` or `https` URL; gives it without a slash at its end. */
export function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('It is a URL such as http://127.0.0.1:7717.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('Secrets do not belong into a URL; use --token-file.');
  }
  return url.href.replace(/\/+$/, '');
}

/** For options that may be given more than once. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
