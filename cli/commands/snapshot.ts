/** `aw agent snapshot create | list | delete` */
import { Option } from 'commander';
import { type SnapshotChoice, snapshotChoices } from '../../contract/snapshot-names.ts';
import type { Snapshot } from '../../contract/snapshots.ts';
import { type CommandRun, createCommand, runCommand, usage } from '../options/command.ts';
import { formatBytes } from '../render/duration.ts';
import { errorLines } from '../render/error-text.ts';
import { tableLines } from '../render/table.ts';
import type { Io } from '../terminal/io.ts';

interface CreateOptions {
  provider: Exclude<SnapshotChoice, 'none'>;
  name?: string;
  json?: boolean;
}

export const run: CommandRun = async (name, argv, io) => {
  let exitCode = 0;
  const command = createCommand(name, io)
    .description(
      'Snapshots of projects: what the followers get of a project, frozen. Fences make them too, and of those without a\n' +
        'name the last ten stay.',
    )
    .addHelpText('after', `\nExamples:\n  ${name} create --name before-the-port\n  ${name} list`);

  command
    .command('create')
    .description('Freeze this project, without what is ignored, byte for byte, and print where.')
    .addOption(
      new Option('--provider <name>', 'auto: btrfs, reflink or copy, the first that works')
        .choices(snapshotChoices.filter(choice => choice !== 'none'))
        .default('auto'),
    )
    .option('--name <name>', 'it stays until it is deleted')
    .option('--json', 'one JSON record')
    .addHelpText(
      'after',
      `\nExamples:\n  ${name} create\n  ${name} create --provider git --name before-the-port`,
    )
    .action(async (options: CreateOptions) => {
      await create(options, name, io);
    });

  command
    .command('list')
    .description('List the snapshots of this leader, the oldest first.')
    .option('--json', 'one JSON record a line')
    .addHelpText('after', `\nExamples:\n  ${name} list\n  ${name} list --json | jq -r .path`)
    .action(async (options: { json?: boolean }) => {
      const { listSnapshots } = await import('../../leader/snapshots/index.ts');
      print(listSnapshots(), options.json === true, io);
    });

  command
    .command('delete')
    .description('Delete snapshots and what they hold.')
    .argument('<id...>')
    .addHelpText('after', `\nExample:\n  ${name} delete snap-20261122-100000-3f0c9a`)
    .action(async (ids: string[]) => {
      exitCode = await remove(ids, io);
    });

  await runCommand(command, argv);
  return exitCode;
};

async function create({ provider, name, json }: CreateOptions, command: string, io: Io): Promise<void> {
  const [{ createSnapshot }, { findProject }, { SnapshotName }] = await Promise.all([
    import('../../leader/snapshots/index.ts'),
    import('../../leader/catalogue/project.ts'),
    import('../../contract/names.ts'),
  ]);
  const parsed = SnapshotName.optional().safeParse(name);
  if (!parsed.success) throw usage(`${command} create`, `--name: ${parsed.error.issues[0]?.message}`);
  const snapshot = await createSnapshot(findProject(io.cwd), { provider, name });
  print([snapshot], json === true, io);
}

function print(snapshots: readonly Snapshot[], isJson: boolean, io: Io): void {
  if (isJson) {
    for (const snapshot of snapshots) io.write('stdout', `${JSON.stringify(snapshot)}\n`);
    return;
  }
  if (snapshots.length === 0) {
    io.write('stderr', 'There are no snapshots yet: aw agent snapshot create\n');
    return;
  }
  const rows = snapshots.map(snapshot => [
    snapshot.id,
    snapshot.provider,
    snapshot.createdAt.replace('T', ' ').replace(/\.\d+Z$/, 'Z'),
    String(snapshot.files),
    formatBytes(snapshot.bytes),
    snapshot.name ?? '',
    snapshot.project,
    snapshot.path ?? `${snapshot.place} ${snapshot.commit}`,
  ]);
  const header = ['snapshot', 'provider', 'created', 'files', 'size', 'name', 'project', 'where'];
  io.write('stdout', `${tableLines(header, rows, io.stdout.paint).join('\n')}\n`);
}

/** Resolves to 0 when none of them is left. */
async function remove(ids: readonly string[], io: Io): Promise<number> {
  const [{ deleteSnapshot }, { asAwError }] = await Promise.all([
    import('../../leader/snapshots/index.ts'),
    import('../../contract/errors.ts'),
  ]);
  let exitCode = 0;
  for (const id of ids) {
    try {
      await deleteSnapshot(id);
      io.write('stdout', `${id} deleted\n`);
    } catch (thrown) {
      const error = asAwError(thrown);
      for (const line of errorLines(error, io.stderr.paint)) io.write('stderr', `${line}\n`);
      exitCode = Math.max(exitCode, error.exitCode);
    }
  }
  return exitCode;
}
