/** Versions that peers compare. */
import { readFileSync } from 'node:fs';

/** The follower API's version. Peers of another number refuse each other with `AW_PROTOCOL_MISMATCH`. */
export const PROTOCOL = 1;

/** The package's version, from package.json. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;
