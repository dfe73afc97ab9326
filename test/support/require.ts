/** Real components a test needs: absent ones skip by name, unless `AW_REQUIRE` lists them. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const required = new Set((process.env.AW_REQUIRE ?? '').split(',').filter(Boolean));

/**
 * True when the component is there. False tells the caller to skip, under the component's name.
 * @throws when `AW_REQUIRE` lists it and it is missing: a skip would hide a broken machine.
 */
export function requires(component: string, isPresent: boolean): boolean {
  if (!isPresent && required.has(component)) {
    throw new Error(`${component} is required by AW_REQUIRE and not installed`);
  }
  return isPresent;
}

/** The absolute path of a program on PATH. */
export function which(name: string): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}
