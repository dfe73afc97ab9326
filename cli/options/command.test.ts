import { Option } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { fakeIo } from '../terminal/fake-io.ts';
import { createCommand, runCommand } from './command.ts';
import { parseTimeout } from './values.ts';

afterEach(() => vi.unstubAllEnvs());

test.each([
  ['', undefined],
  ['2', 2000],
])('a variable that is %j', async (value, timeout) => {
  vi.stubEnv('AW_TIMEOUT', value);
  let got: unknown = 'not run';
  const command = createCommand('aw', fakeIo());
  command
    .command('sub')
    .addOption(new Option('--timeout <seconds>', 'how long').env('AW_TIMEOUT').argParser(parseTimeout))
    .action(options => {
      got = options.timeout;
    });
  await runCommand(command, ['sub']);
  expect(got).toBe(timeout);
});
