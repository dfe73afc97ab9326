/** Sources as one JavaScript file that needs nothing but a Node. See docs/adr/0009. */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'rolldown';
import { VERSION } from '../contract/version.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The same sources give the same bytes, wherever they lie.
 * `entry`: relative to the package.
 * @throws what the bundler throws, also when a source looks for a file beside itself, which would not be there.
 */
export async function bundle(entry: string): Promise<Buffer> {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: entry,
    cwd: root,
    platform: 'node',
    plugins: [selfContained()],
    // A warning of how long it took would be one of the machine, and no reason to fail.
    checks: { pluginTimings: false, bundlerTimings: false },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.generate({
      format: 'esm',
      codeSplitting: false,
      // Names are kept: a stack trace from there has to mean something here.
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
      comments: { legal: true, annotation: false, jsdoc: false },
    });
    return Buffer.from(output[0].code);
  } finally {
    await build.close();
  }
}

/** What a source looks for beside itself, it gets in its own text: the version of the package, and the modules of threads. */
function selfContained(): Plugin {
  return {
    name: 'self-contained',
    transform: {
      filter: { code: 'import.meta' },
      async handler(source, id) {
        const isOurs = id.startsWith(root) && !relative(root, id).startsWith('node_modules');
        if (!isOurs) return null;
        let code = source.replace(
          /JSON\.parse\(\s*readFileSync\(new URL\('\.\.\/package\.json', import\.meta\.url\)[^;]*\.version/,
          JSON.stringify(VERSION),
        );
        for (const [expression, module] of source.matchAll(
          /new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g,
        )) {
          const thread = await bundle(relative(root, join(dirname(id), module!)));
          const inlined = `data:text/javascript;base64,${thread.toString('base64')}`;
          code = code.replace(expression, `new URL('${inlined}')`);
        }
        if (code.includes('import.meta')) this.error(`${id} looks for something beside itself`);
        return { code, map: null };
      },
    },
  };
}
