/** The options that say what brings files to followers. */

import type { Command } from 'commander';
import { Option } from 'commander';
import { syncEngines } from '../../contract/sync-engines.ts';

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--engine <name>',
        'what brings the files; auto: the embedded one; mutagen: see docs/mutagen.md',
      )
        .choices(syncEngines)
        .env('AW_ENGINE'),
    )
    .addOption(new Option('--heal', 'let the embedded engine do what mutagen does not').env('AW_HEAL'));
}
