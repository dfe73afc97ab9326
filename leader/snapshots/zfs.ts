/** Snapshots of a ZFS dataset, read through its `.zfs` directory. The project is the dataset's root, or lies in it. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { show } from '../../contract/errors.ts';
import { mountOf, mountsBelow } from './mounts.ts';
import { type Exec, executor, findProgram } from './program.ts';
import type { Provider } from './provider.ts';

export const zfs: Provider = zfsWith(executor('zfs'));

/** @param exec runs the program `zfs` */
export function zfsWith(exec: Exec): Provider {
  return {
    name: 'zfs',

    async obstacle({ project, mounts }) {
      const dataset = mountOf(project, mounts);
      if (dataset?.type !== 'zfs') return 'the project is not on ZFS';
      const [inner] = mountsBelow(project, mounts);
      if (inner !== undefined) return `something is mounted in the project, at ${show(inner.path)}`;
      if (!existsSync(join(dataset.path, '.zfs/snapshot')))
        return `${show(join(dataset.path, '.zfs/snapshot'))} cannot be read`;
      return (await findProgram('zfs')) === undefined ? 'there is no program zfs' : undefined;
    },

    place: ({ project, mounts }, id) => `${mountOf(project, mounts)!.source}@aw-${id}`,

    async take({ project, mounts }, place, id) {
      const { path } = mountOf(project, mounts)!;
      await exec('zfs', 'snapshot', place);
      return { path: join(path, '.zfs/snapshot', `aw-${id}`, relative(path, project)) };
    },

    async remove(place) {
      try {
        await exec('zfs', 'destroy', place);
      } catch (error) {
        // That it is gone is what was wanted.
        if (!/could not find any snapshots|does not exist/.test((error as Error).message)) throw error;
      }
    },
  };
}
