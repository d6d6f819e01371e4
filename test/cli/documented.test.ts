import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verbs } from '../../src/cli/verbs.js';
import { rules } from '../../src/rules/index.js';
import { cliPage } from './cli-page.js';
import { eventsPage } from './events-page.js';
import { manPage } from './man-page.js';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Codes in the sources that are not codes of rules. */
function codesInSources(): string[] {
  const ofRules = new Set(rules.map(({ code }) => code));
  const codes = ['src', 'replay', 'test/conformance'].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .flatMap((name) =>
        [...read(join(room, name)).matchAll(/'([A-Z]{2,6}-\d{3})'/g)].map((match) => match[1]!),
      ),
  );
  return [...new Set(codes)].filter((code) => !ofRules.has(code)).sort();
}

describe('the documentation', () => {
  it('lists every error code of the sources in docs/errors.md, and no other', () => {
    const listed = [...read('docs/errors.md').matchAll(/^\| ([A-Z]+-\d{3}) /gm)].map((match) => match[1]!);
    expect(listed.length).toBe(new Set(listed).size);
    expect(listed.sort()).toEqual(codesInSources());
  });

  it('says in every row what the code means and what to do', () => {
    const rows = read('docs/errors.md').match(/^\| [A-Z]+-\d{3} .*$/gm) ?? [];
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    expect(cells.filter((row) => row.length !== 5 || row[2] === '' || row[3] === '')).toEqual([]);
  });

  it('has a page for every rule, and none for others', () => {
    const pages = readdirSync(join(root, 'docs/rules')).filter((name) => name !== 'README.md');
    expect(pages.sort()).toEqual(rules.map(({ code }) => `${code}.md`).sort());
    expect(rules.filter(({ code }) => !read(`docs/rules/${code}.md`).includes(code))).toEqual([]);
  });

  it('has the page on the command line that the table of verbs makes', async () => {
    await expect(cliPage()).toMatchFileSnapshot(join(root, 'docs/cli.md'));
  });

  it('has the manual page that the table of verbs makes', async () => {
    await expect(manPage()).toMatchFileSnapshot(join(root, 'docs/xpr.1'));
  });

  it('has a manual page that groff reads without a warning', () => {
    const { error, status, stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-P-cbou'], {
      input: manPage(),
      encoding: 'utf8',
    });
    if (error !== undefined) {
      if (process.env['CI'] === 'true') throw error;
      console.warn('the manual page: not read, groff is not installed');
      return;
    }
    expect([status, stderr]).toEqual([0, '']);
    for (const { usage } of verbs) expect(stdout).toContain(`xpr ${usage}`);
  });

  it('has the page on events that the catalogue makes', async () => {
    await expect(eventsPage()).toMatchFileSnapshot(join(root, 'docs/events.md'));
  });
});
