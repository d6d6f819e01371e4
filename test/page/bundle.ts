import { join, resolve } from 'node:path';
import { type BuildResult, build, type Plugin } from 'esbuild';

/** What is other in a page than in Node, by file: an import of the first becomes one of the second. */
const inPage: Readonly<Record<string, string>> = {
  'src/log/bytes/node.ts': 'src/log/bytes/web.ts',
  'src/log/columns/rows-compiled.ts': 'src/log/columns/rows-looped.ts',
};

/** The core for a page, as one module without imports. @param root Of the repository: its sources, not what is built. */
export async function bundleCore(root: string): Promise<BuildResult<{ write: false; metafile: true }>> {
  return build({
    absWorkingDir: root,
    entryPoints: ['src/api/core.ts'],
    outfile: 'dist/page/core.js',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'inline',
    // Its other build compiles readers at run time.
    alias: { msgpackr: 'msgpackr/index-no-eval' },
    plugins: [exchange(root)],
    logLevel: 'silent',
  });
}

const exchange = (root: string): Plugin => ({
  name: 'what is other in a page',
  setup(building) {
    building.onResolve({ filter: /^\..*\.js$/ }, ({ path, resolveDir }) => {
      const meant = resolve(resolveDir, path.replace(/\.js$/, '.ts'));
      const other = Object.keys(inPage).find((file) => join(root, file) === meant);
      return other === undefined ? null : { path: join(root, inPage[other]!) };
    });
  },
});
