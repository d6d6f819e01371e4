import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch, xpr } from './xpr.js';

const folder = join(import.meta.dirname, '../../docs/tutorials');

/** Commands of a page with what the page says they print, in order. */
function commandsOf(page: string): { readonly line: string; readonly prints: string }[] {
  return [...page.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .filter((part) => part !== '')
      .map((part) => {
        const end = part.indexOf('\n');
        return { line: part.slice(0, end), prints: part.slice(end + 1) };
      }),
  );
}

/** Words of a command line; single quotes keep spaces. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);

describe('tutorials print what they say', () => {
  const file = scratch();
  const inScratch = (word: string): string => (word.endsWith('.xpr') ? file(word) : word);

  it.each(readdirSync(folder))('%s', async (name) => {
    const commands = commandsOf(readFileSync(join(folder, name), 'utf8'));
    expect(commands.length).toBeGreaterThan(0);
    for (const { line, prints } of commands) {
      const [program, ...args] = wordsOf(line);
      expect(program).toBe('xpr');
      const { out } = await xpr(args.map(inScratch));
      expect(`$ ${line}\n${out}`).toBe(`$ ${line}\n${prints}`);
    }
  });
});
