/** The thread that looks at the project: large trees take their time. */
import type { PortabilityProblem } from '../../contract/portability.ts';
import type { Exclusion } from '../../contract/trees.ts';
import { compileIgnores } from '../../follower/tree/ignore.ts';
import { type DirectoryNode, nodeAt } from '../../follower/tree/node.ts';
import { doubtfulNames } from '../../follower/tree/project.ts';
import { scan } from '../../follower/tree/scan.ts';
import { serveThread } from '../../follower/tree/thread.ts';
import { type Finding, lint } from './lint.ts';
import type { Profile } from './profiles.ts';

let known: { tree: DirectoryNode; problems: Exclusion[] };

const methods = {
  scan(root: string, patterns: string[]): { files: number; directories: number; doubtful: string[][] } {
    const rules = compileIgnores(patterns);
    const { tree, problems, files, directories } = scan(root, { rules, executable: true, namesOnly: true });
    known = { tree, problems };
    return { files, directories, doubtful: doubtfulNames(tree) };
  },

  lint: (profiles: Profile[]): PortabilityProblem[] => lint(known.tree, known.problems, profiles),

  /** Of what is found otherwise, that which belongs to the tree. */
  within: (findings: Finding[]): Finding[] =>
    findings.filter(({ path }) => nodeAt(known.tree, path)?.kind === 'file'),
};
export type CheckMethods = typeof methods;

serveThread(methods);
