import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarios } from '../../src/scenarios/index.js';
import { good, scratch } from './xpr.js';

const at = scratch();
const digestOf = async (file: string): Promise<string> =>
  JSON.parse((await good(['info', file, '--json'])).out).digest;
/** One scenario of each sort of machine and event. */
const sample = scenarios.filter((_, i) => i % 6 === 0).map(({ name }) => name);

describe('a trace', () => {
  it.each(sample)('%s: is the same bytes whenever it is recorded with one seed', async (name) => {
    await good(['record', name, '-o', at('one.xpr'), '--seed', '7']);
    await good(['record', name, '-o', at('two.xpr'), '--seed', '7']);
    expect(readFileSync(at('one.xpr')).equals(readFileSync(at('two.xpr')))).toBe(true);
  });

  it.each(sample)('%s: comes back from its export with the same digest', async (name) => {
    await good(['record', name, '-o', at('one.xpr')]);
    const { out } = await good(['export', at('one.xpr'), '--to', 'ndjson', '-o', '-']);
    await good(['import', '-', '-o', at('back.xpr')], new TextEncoder().encode(out));
    expect(await digestOf(at('back.xpr'))).toBe(await digestOf(at('one.xpr')));
    expect((await good(['export', at('back.xpr'), '--to', 'ndjson', '-o', '-'])).out).toBe(out);
  });
});
