/** Made-up machines: facts from a list of files, for rules that must hold whatever machine the tests run on. */
import type { HostFacts, PathKind } from '../../follower/adapters/types.ts';

export interface Machine extends Partial<HostFacts> {
  /** Path to what is there: a kind, or the text of an executable file. Windows compares paths without case. */
  files?: Readonly<Record<string, string>>;
}

const KINDS: readonly string[] = ['executable', 'denied', 'directory'] satisfies PathKind[];

export function linuxFacts(machine: Machine = {}): HostFacts {
  return {
    os: 'linux',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    cwd: '/proj',
    shells: { sh: '/bin/sh', bash: '/bin/bash', zsh: '/bin/zsh', fish: '/usr/bin/fish', dash: '/bin/dash' },
    scratch: '/scratch',
    ...lookups({ '/usr/bin/app': 'executable', ...machine.files }, path => path),
    ...machine,
  };
}

export function macFacts(machine: Machine = {}): HostFacts {
  return linuxFacts({ os: 'macos', ...machine });
}

export function windowsFacts(machine: Machine = {}): HostFacts {
  const files = {
    'C:\\Windows\\System32\\find.exe': 'executable',
    'C:\\tools\\app.exe': 'executable',
    'C:\\tools\\build.bat': '@echo off\r\nmsbuild %*\r\n',
    ...machine.files,
  };
  return {
    os: 'windows',
    env: {
      Path: 'C:\\Windows\\System32;C:\\tools',
      PATHEXT: '.COM;.EXE;.BAT;.CMD;.VBS;.JS;.PS1',
      SystemRoot: 'C:\\Windows',
    },
    cwd: 'S:\\proj',
    shells: {
      cmd: 'C:\\Windows\\System32\\cmd.exe',
      powershell: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
    },
    scratch: 'C:\\scratch\\run',
    ...lookups(files, path => path.toLowerCase()),
    ...machine,
  };
}

function lookups(files: Readonly<Record<string, string>>, fold: (path: string) => string) {
  const known = new Map(Object.entries(files).map(([path, content]) => [fold(path), content]));
  return {
    probe: (path: string): PathKind => {
      const content = known.get(fold(path));
      if (content === undefined) return 'missing';
      return KINDS.includes(content) ? (content as PathKind) : 'executable';
    },
    readText: (path: string) => {
      const content = known.get(fold(path));
      return content === undefined || KINDS.includes(content) ? undefined : content;
    },
  };
}
