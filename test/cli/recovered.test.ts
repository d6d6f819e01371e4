import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { good, scratch, xpr } from './xpr.js';

/** A trace of which half is left, and what `--repair` makes of it. */
const at = scratch();
const back = at('back.xpr');
const whole = new URL('../../traces/golden/0.1.0/guest-boot-1000.xpr', import.meta.url).pathname;
const SAID = /back\.xpr was recovered from torn\.xpr, which is damaged: its first \d+ events/;

beforeAll(async () => {
  const bytes = readFileSync(whole);
  writeFileSync(at('torn.xpr'), bytes.subarray(0, bytes.length >> 1));
  await xpr(['fsck', at('torn.xpr'), '--repair', back]);
});

describe('a recovered trace', () => {
  it.each([
    ['info', []],
    ['show', ['0']],
    ['explain', ['4']],
    ['state', []],
    ['replay', []],
    ['findings', []],
    ['what-if', ['--policy', 'iommu=off']],
    ['check', []],
    ['export', ['--to', 'ndjson', '-o', at('back.ndjson')]],
  ])('is told as one by %s', async (verb, args) => {
    const { err } = await xpr([verb, back, ...args]);
    expect(err).toMatch(SAID);
  });

  it('is told as one by diff, whichever side it is on', async () => {
    expect((await xpr(['diff', whole, back])).err).toMatch(SAID);
    expect((await xpr(['diff', back, whole])).err).toMatch(SAID);
  });

  it.each([
    ['info', (document: Document) => document.recovered],
    ['replay', (document: Document) => document.recovered],
    ['findings', (document: Document) => document.recovered],
    ['check', (document: Document) => document.results?.[0]?.recovered],
  ] as const)('is one in the JSON of %s', async (verb, recovered) => {
    const { out } = await xpr([verb, back, '--json']);
    expect(recovered(JSON.parse(out) as Document)).toMatchObject({ file: 'torn.xpr' });
  });

  it('replays as before and stays one when it is exported and imported', async () => {
    expect(JSON.parse((await good(['replay', back, '--json'])).out)).toMatchObject({ mismatched: 0 });
    await good(['export', back, '--to', 'ndjson', '-o', at('again.ndjson')]);
    await good(['import', at('again.ndjson'), '-o', at('again.xpr')]);
    expect((await good(['info', at('again.xpr')])).err).toMatch(/again\.xpr was recovered from torn\.xpr/);
  });

  it('is not one where nothing was damaged', async () => {
    await xpr(['fsck', whole, '--repair', at('copy.xpr')]);
    const { out, err } = await xpr(['info', at('copy.xpr'), '--json']);
    expect([(JSON.parse(out) as Document).recovered, err]).toEqual([
      null,
      expect.not.stringMatching(/recovered/),
    ]);
  });
});

interface Document {
  readonly recovered?: unknown;
  readonly results?: readonly { readonly recovered: unknown }[];
}
