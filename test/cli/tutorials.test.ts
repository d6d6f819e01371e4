import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch, xpr } from './xpr.js';

const folder = join(import.meta.dirname, '../../docs/tutorials');

/** The blocks of a page that show commands and what they print. */
const console = /```console\n(.*?)```/gs;

/** Command lines of a block, in order. */
const commandsOf = (block: string): string[] =>
  [...block.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line);

/** Words of a command line; single quotes keep spaces. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);

describe('tutorials print what they say', () => {
  const file = scratch();
  const inScratch = (word: string): string => (word.endsWith('.xpr') ? file(word) : word);

  it.each(readdirSync(folder))('%s (npm run docs)', async (name) => {
    const page = readFileSync(join(folder, name), 'utf8');
    const shown: string[] = [];
    for (const [, block = ''] of page.matchAll(console)) {
      const lines: string[] = [];
      for (const line of commandsOf(block)) {
        const [program, ...args] = wordsOf(line);
        expect(program).toBe('xpr');
        const { out, code } = await xpr(args.map(inScratch));
        // 1 is a finding or a difference; a page shows no command that ends in trouble.
        expect(code, line).not.toBe(2);
        lines.push(`$ ${line}\n${out}`);
      }
      shown.push(lines.join(''));
    }
    expect(shown.length).toBeGreaterThan(0);
    const now = page.replace(console, () => `\`\`\`console\n${shown.shift()}\`\`\``);
    await expect(now).toMatchFileSnapshot(join(folder, name));
  });
});
