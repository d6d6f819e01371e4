import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { fsck } from '../../src/log/fsck.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import { good, scratch, xpr } from './xpr.js';

const at = scratch();
const other = at('other.xpr');
/** What the verbs say about the whole trace; the numbers that hold times are left out. */
const asked: readonly (readonly string[])[] = [
  ['show', '-', '--json'],
  ['info', '-', '--json'],
  ['findings', '-', '--json'],
  ['export', '-', '--to', 'ndjson', '-o', '-'],
  ['replay', '-'],
  ['state', '-', '--json'],
  ['explain', '-', '3', '--json'],
  ['what-if', '-', '--policy', 'segments.xen=dt-order', '--json'],
  ['diff', other, '-', '--json'],
];
let trace: Uint8Array;
const whole: { readonly out: string; readonly code: number }[] = [];

beforeAll(async () => {
  ({ bytes: trace } = await good(['record', 'dt-mix-bug', '-o', '-']));
  await good(['record', 'two-bridges-agreed', '-o', other]);
  for (const args of asked) {
    const { out, code } = await xpr(args, trace);
    expect(code).toBeLessThan(2);
    whole.push({ out, code });
  }
});

describe('a trace with one wrong byte', () => {
  it('is found by fsck, which names an offset, and no verb gives another answer', async () => {
    for (let byte = 0; byte < trace.length; byte++) {
      const bytes = trace.slice();
      bytes[byte]! ^= 1 << (byte % 8);
      const { code, out } = await xpr(['fsck', '-', '--json'], bytes);
      expect([byte, code]).toEqual([byte, 1]);
      const { damaged } = JSON.parse(out) as { damaged: { offset: number }[] };
      expect(damaged[0]!.offset).toBeLessThanOrEqual(byte);
      // Every byte meets the first verb and one of the others, every verb meets every frame.
      for (const number of [0, 1 + (byte % (asked.length - 1))]) {
        const answer = await xpr(asked[number]!, bytes);
        if (answer.code === 2) expect(answer.out + answer.err).toMatch(/LOG-0\d\d/);
        else expect([byte, answer.code, answer.out]).toEqual([byte, whole[number]!.code, whole[number]!.out]);
        expect(answer.err).not.toContain('BUG');
      }
    }
  }, 600_000);
});

describe('a trace cut short', () => {
  it('gives back everything up to its last whole block, wherever it is cut', async () => {
    const source = bytesSource(trace);
    const blocks = fsck(source).events;
    let recovered = -1;
    for (let length = 0; length < trace.length; length++) {
      const cut = trace.subarray(0, length);
      const { code, bytes, err } = await xpr(['fsck', '-', '--repair', '-'], cut);
      if (code === 2) {
        // Without a header there is nothing to come back.
        expect([length, recovered]).toEqual([length, -1]);
        expect(err).toMatch(/LOG-0\d\d/);
        continue;
      }
      expect([length, code]).toEqual([length, 1]);
      const { events, damaged } = fsck(bytesSource(bytes));
      expect([length, damaged]).toEqual([length, []]);
      expect(events).toBeGreaterThanOrEqual(recovered);
      recovered = events;
      const shown = await good(['show', '-', '--json'], bytes);
      expect(whole[0]!.out.startsWith(shown.out)).toBe(true);
    }
    expect(recovered).toBe(blocks);
  }, 600_000);

  it('is refused by the verbs that read whole traces, with the way out as a hint', async () => {
    const torn = at('torn.xpr');
    writeFileSync(torn, trace.subarray(0, trace.length - 1));
    const { code, err } = await xpr(['replay', torn]);
    expect(code).toBe(2);
    expect(err).toContain('LOG-003');
    expect(err).toContain(`xpr fsck ${torn} --repair`);
  });
});

describe('a recording that ended between an input and its outcomes', () => {
  it('comes back up to the last whole input, and replays without a difference', async () => {
    const file = at('long.xpr');
    await good(['record', 'dsm-full-reinitialisation', '-o', file]);
    const bytes = readFileSync(file);
    for (const length of [bytes.length >> 1, (bytes.length * 3) >> 2, bytes.length - 100]) {
      const cut = at(`cut-${length}.xpr`);
      const mended = at(`mended-${length}.xpr`);
      writeFileSync(cut, bytes.subarray(0, length));
      expect((await xpr(['fsck', cut, '--repair', mended])).code).toBe(1);
      const { out } = await good(['replay', mended, '--json']);
      expect(JSON.parse(out)).toMatchObject({ mismatched: 0 });
      expect((await good(['fsck', mended])).code).toBe(0);
    }
  });
});
