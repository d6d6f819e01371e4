import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'xpr-tarball-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A checkout after its build, by names. */
const checkout = [
  'dist/src/cli/main.js',
  'dist/src/cli/main.js.map',
  'dist/replay/check/worker.js',
  'dist/replay/check/worker.js.map',
  'dist/test/bench/main.js',
  'dist/test/bench/main.js.map',
  'docs/cli.md',
  'src/cli/main.ts',
  'test/cli/verbs.test.ts',
  'traces/golden/t.xpr',
  'README.md',
  'LICENSE',
];

describe('the tarball', () => {
  it('holds what runs and what one reads, and no source map whose sources are not there', () => {
    for (const name of checkout) {
      mkdirSync(join(folder, dirname(name)), { recursive: true });
      writeFileSync(join(folder, name), '');
    }
    copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'], {
      cwd: folder,
      encoding: 'utf8',
    });
    // A list of packages, or since npm 12 one by name.
    const packed: Record<string, { files: { path: string }[] }> = JSON.parse(stdout);
    const files = Object.values(packed)[0]!.files.map(({ path }) => path);
    expect(files.sort()).toEqual([
      'LICENSE',
      'README.md',
      'dist/replay/check/worker.js',
      'dist/src/cli/main.js',
      'docs/cli.md',
      'package.json',
    ]);
  });
});
