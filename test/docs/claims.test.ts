import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { currentBehaviour } from '../../src/policy/behaviours.js';

const root = resolve(import.meta.dirname, '../..');
const rows = readFileSync(join(root, 'docs/models/claims.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| [A-Z]\d/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('docs/models/claims.md', () => {
  it('has rows, each named once', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(new Set(rows.map(([id]) => id)).size).toBe(rows.length);
  });

  it.each(rows)('%s names a behaviour and a test that exist', (...cells) => {
    expect(cells).toHaveLength(6);
    const [, , , , behaviour, test] = cells;
    expect(currentBehaviour).toContain(Number(behaviour));
    const [file, title] = test!.split(/: (.*)/s);
    expect(existsSync(join(root, file!))).toBe(true);
    // The title of a test, not a word of a comment.
    const titles = [...readFileSync(join(root, file!), 'utf8').matchAll(/(['"`])((?:(?!\1).)+)\1/g)];
    expect(titles.some((found) => found[2]!.startsWith(title!))).toBe(true);
  });
});
