import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { bundleCore } from './bundle.js';

/** KiB that the core may have in a page. May go down and never up without a reason that is worth it to every page. */
const ratchetKiB = 1110;

it('is one module that needs nothing, makes no code, and is no larger than it was', async () => {
  const { outputFiles, metafile } = await bundleCore(resolve(import.meta.dirname, '../..'));
  const { imports, bytes, exports } = Object.values(metafile.outputs)[0]!;
  expect(imports).toEqual([]);
  expect(Object.keys(metafile.inputs).filter((file) => file.startsWith('node:'))).toEqual([]);
  expect(exports.sort()).toEqual([
    'Trace',
    'Trouble',
    'diff',
    'findings',
    'openBytes',
    'release',
    'replay',
    'whatIf',
  ]);
  expect(outputFiles[0]!.text).not.toMatch(/new Function|\beval\(/);
  const sizeKiB = Math.ceil(bytes / 1024);
  expect(sizeKiB).toBeLessThanOrEqual(ratchetKiB);
  // Whoever makes it smaller writes the new size above.
  expect(sizeKiB).toBeGreaterThan(ratchetKiB - 40);
});
