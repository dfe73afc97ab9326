/** Reading the registry's environment keys. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RegistryText {
  name: string;
  /** `REG_EXPAND_SZ`: `%NAME%` in the value stands for another variable. */
  type: 'REG_SZ' | 'REG_EXPAND_SZ';
  value: string;
}

/** The text values of one key. Rejects when the key cannot be read. */
export type RegistryReader = (key: string) => Promise<RegistryText[]>;

const REG_TIMEOUT = 10_000;

/**
 * A reader that runs `reg.exe export`, by absolute path. Not `reg query`: that prints in the OEM code page, which loses
 * what the code page lacks; an export is UTF-16 and exact.
 */
export function registryExport(
  regExe = `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32\\reg.exe`,
): RegistryReader {
  return async key => {
    const directory = await mkdtemp(join(tmpdir(), 'aw-registry-'));
    try {
      const file = join(directory, 'export.reg');
      await new Promise<void>((resolve, reject) => {
        execFile(regExe, ['export', key, file, '/y'], { timeout: REG_TIMEOUT, windowsHide: true }, error =>
          error === null ? resolve() : reject(error),
        );
      });
      return parseRegistryExport(await readFile(file, 'utf16le'), key);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
}

const TOKEN = new RegExp(
  [
    String.raw`^\[(?<section>[^\n]*)\]$`,
    String.raw`^(?:@|"(?<name>(?:[^"\\]|\\.)*)")=(?:"(?<text>(?:[^"\\]|\\.)*)"|hex\((?<type>[0-9a-f]+)\):(?<hex>(?:[0-9a-f]{2}|[,\s]|\\\n)*))`,
  ].join('|'),
  'gimsu',
);

/**
 * The text values of one key in a `Windows Registry Editor Version 5.00` file. A string stands in quotes with `\\` and `\"`, and may
 * hold line breaks; an expandable one is `hex(2):` and its UTF-16LE bytes, over several lines. Subkeys and other types are left out.
 */
export function parseRegistryExport(text: string, key: string): RegistryText[] {
  const values: RegistryText[] = [];
  let inside = false;
  for (const { groups = {} } of text.replaceAll('\r\n', '\n').matchAll(TOKEN)) {
    if (groups.section !== undefined) {
      inside = longForm(groups.section) === longForm(key);
    } else if (inside && groups.name !== undefined) {
      const name = unescapeText(groups.name);
      if (groups.text !== undefined) values.push({ name, type: 'REG_SZ', value: unescapeText(groups.text) });
      else if (groups.type === '2' || groups.type === '1') {
        values.push({
          name,
          type: groups.type === '2' ? 'REG_EXPAND_SZ' : 'REG_SZ',
          value: fromHex(groups.hex!),
        });
      }
    }
  }
  return values;
}

function longForm(key: string): string {
  return key
    .toUpperCase()
    .replace(/^HKLM\\/, 'HKEY_LOCAL_MACHINE\\')
    .replace(/^HKCU\\/, 'HKEY_CURRENT_USER\\');
}

function unescapeText(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

/** Without the terminating NUL and what follows it. */
function fromHex(hex: string): string {
  const bytes = Buffer.from(hex.replace(/[^0-9a-f]/gi, ''), 'hex');
  return bytes.toString('utf16le').replace(/\0.*$/s, '');
}
