import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { release } from '../../src/base/release.js';
import { root, sources } from './imports.js';

it('is known in one place of the code, and package.json and its lock say the same', () => {
  const read = (file: string): { version: string } =>
    JSON.parse(readFileSync(join(root, file), 'utf8')) as { version: string };
  expect([read('package.json').version, read('package-lock.json').version]).toEqual([release, release]);
  const asks = /package\.json/;
  const files = [...sources('src'), ...sources('replay')];
  expect(files.filter((file) => asks.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
