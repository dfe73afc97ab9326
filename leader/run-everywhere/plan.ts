/** What each follower is asked to do. */
import { readdirSync } from 'node:fs';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { Command, RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { RunId } from '../../contract/names.ts';
import { refuseCaseTwins } from '../../follower/path-mapping/case-twins.ts';
import { mapToFollower } from '../../follower/path-mapping/map-to-follower.ts';
import { outputRules } from '../../follower/path-mapping/output-rules.ts';
import { rulesFor } from '../../follower/path-mapping/rules.ts';
import { expandWorkspace } from '../../follower/path-mapping/workspace.ts';
import type { RunSpec } from '../types.ts';

/** @throws AW_USAGE for a run that makes no sense on any host. */
export function checkSpec(spec: RunSpec): void {
  const usage = (problem: string) => new AwError('AW_USAGE', { problem, command: 'run-everywhere' });
  if (spec.hosts.length === 0) throw usage('there is no host to run on');
  const names = new Set(spec.hosts.map(({ name }) => name.toLowerCase()));
  if (names.size < spec.hosts.length) throw usage('a host is given twice');
  if (spec.runId !== undefined && !RunId.safeParse(spec.runId).success) {
    throw usage(`${JSON.stringify(spec.runId)} is no run id: letters, digits, "_" and "-", at most 64`);
  }
  if (spec.detach && spec.stdin !== undefined) throw usage('a detached run cannot have standard input');
  if (spec.detach && spec.onLeaderLoss === 'cancel') {
    throw usage('a detached run has no leader, so it cannot end when its leader is gone');
  }
  if (spec.detach && spec.reach?.agentless === true)
    throw usage('a detached run needs an agent on every host');
  if (spec.maxParallel !== undefined && !(spec.maxParallel >= 1))
    throw usage('at least one host must run at a time');
}

/** @throws AW_AGENT_NEEDED; AW_CWD_* when the working directory has no counterpart there, all naming the host. */
export function planRequest(spec: RunSpec, host: HostEntry, runId: string): RunRequestInput {
  try {
    if (spec.detach && host.agentless === true)
      throw new AwError('AW_AGENT_NEEDED', {
        what: 'a detached run',
        reason: 'something there must look after it',
      });
    const rules = rulesFor(host, spec.project);
    refuseCaseTwins(rules, spec.cwd, namesIn);
    const expand = (text: string) => (spec.expandWorkspace ? expandWorkspace(text, rules) : text);
    const env = mergedEnv(spec, host).map(([name, value]) => [name, expand(value)]);
    const mapOutput = spec.mapOutput ? outputRules(rules) : [];
    return {
      runId,
      host: host.name,
      command: expandCommand(spec.command, expand),
      cwd: mapToFollower(rules, spec.cwd),
      env: Object.fromEntries(env),
      stdin: spec.stdin === undefined ? 'none' : 'stream',
      onLeaderLoss: spec.onLeaderLoss,
      ...(host.shell === undefined ? {} : { loginShell: host.shell }),
      ...(spec.shell === undefined ? {} : { shell: spec.shell }),
      ...(spec.timeoutMs === undefined ? {} : { timeoutMs: spec.timeoutMs }),
      ...(spec.graceMs === undefined ? {} : { graceMs: spec.graceMs }),
      ...(spec.logLimit === undefined ? {} : { logLimit: spec.logLimit }),
      ...(mapOutput.length === 0 ? {} : { mapOutput }),
    };
  } catch (error) {
    throw asAwError(error, host.name);
  }
}

/** The run's variables win over the host's; on Windows, `PATH` over `Path` too. */
function mergedEnv(spec: RunSpec, host: HostEntry): [string, string][] {
  const key = (name: string) => (host.os === 'windows' ? name.toUpperCase() : name);
  const given = Object.entries(spec.env);
  const names = new Set(given.map(([name]) => key(name)));
  return [...Object.entries(host.env ?? {}).filter(([name]) => !names.has(key(name))), ...given];
}

/** Arguments only: text put into a script would be read by its shell, and so not always be what it was. */
function expandCommand(command: Command, expand: (text: string) => string): Command {
  if (command.kind === 'argv') return { ...command, argv: command.argv.map(expand) };
  return command.args === undefined ? command : { ...command, args: command.args.map(expand) };
}

/** None for a directory that cannot be listed: then its names cannot be ambiguous to this user either. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
