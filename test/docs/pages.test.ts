import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { good } from '../cli/xpr.js';
import { pages } from './pages.js';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe.each(Object.keys(pages))('%s', (file) => {
  it('says what the source says (npm run docs)', async () => {
    await expect(pages[file]!()).toMatchFileSnapshot(join(root, file));
  });
});

describe('the documentation', () => {
  const files = [
    'README.md',
    'traces/README.md',
    'traces/golden/README.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ];

  it('links to files that exist', () => {
    const broken = files.flatMap((file) =>
      [...read(file).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => relative(root, resolve(root, dirname(file), match[1]!)))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${file} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('shows the demo as it is (npm run docs)', async () => {
    const { out } = await good(['demo']);
    const tour = /\$ npx xpr demo\n.*?(?=```)/s;
    expect(read('README.md')).toMatch(tour);
    const page = read('README.md').replace(tour, () => `$ npx xpr demo\n${out}`);
    await expect(page).toMatchFileSnapshot(join(root, 'README.md'));
  });
});
