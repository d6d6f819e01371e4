import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { bundleCore } from './bundle.js';

// node dist/test/page/main.js: writes dist/page/core.js, and its types are those of dist/src/api/core.d.ts.
const root = resolve(import.meta.dirname, '../../..');
const { outputFiles } = await bundleCore(root);
for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
  process.stdout.write(`${path}: ${contents.length} bytes\n`);
}
