import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Row } from './row.js';
import { xentraceSet } from './sets/xentrace.js';

/** Windows of CPU 1, CPU 0, CPU 1; two records have no stamp. */
const words: readonly number[] = [
  ...[0x2001_f003, 1, 28],
  ...[0x9002_1101, 100, 0, 3 << 16],
  ...[0x2008_2216, 0xcf8, 0x8000_1004],
  ...[0x2001_f003, 0, 32],
  ...[0x9002_1101, 90, 0, 1],
  ...[0x9020_100d, 120, 0, 33],
  ...[0x2001_f003, 1, 24],
  ...[0x8008_1001, 110, 0],
  ...[0x2008_2016, 0xcfc, 0x0010_0007],
];

/** What is in it, counted by hand. */
const stats = {
  file: 't01.xentrace',
  records: 9,
  windows: 3,
  trailing: 0,
  no_cycles: 2,
  lost_events: 0,
  lost_records: 0,
  tsc_backwards_within_cpu: 0,
  per_cpu: { 0: 2, 1: 4 },
  tsc_first: { 0: 90, 1: 100 },
  tsc_last: { 0: 120, 1: 110 },
  classes: { sched: 2, hvm: 3, pv: 1, gen: 3 },
  extra_words: { 0: 1, 1: 3, 2: 5 },
  events: {
    '0x0001f003': 3,
    '0x00021101': 2,
    '0x00081001': 1,
    '0x00082016': 1,
    '0x00082216': 1,
    '0x0020100d': 1,
  },
  hypercalls: { 33: 1 },
};

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function rowOf(counts: object, recorded: readonly number[] = words): Row {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-xentrace-'));
  folders.push(folder);
  mkdirSync(join(folder, 'one'));
  const bytes = new Uint8Array(4 * recorded.length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of recorded.entries()) view.setUint32(4 * i, word >>> 0, true);
  writeFileSync(join(folder, 'one', stats.file), bytes);
  writeFileSync(join(folder, 'one', 'stats.json'), JSON.stringify([{ ...stats, ...counts }]));
  return [...(xentraceSet.rows(folder) as Iterable<Row>)][0]!;
}

describe('the xentrace set', () => {
  it('counts as the independent reader does', () => {
    expect(rowOf({})).toMatchObject({ mismatched: 0, unmodelled: 0, firstMismatch: null });
  });

  it.each([
    ['one record less', { records: 8 }, 'records'],
    ['a window more', { windows: 4 }, 'windows'],
    ['a first stamp', { tsc_first: { 0: 91, 1: 100 } }, 'first stamp of CPU 0'],
    ['a class that is not there', { classes: { ...stats.classes, mem: 1 } }, 'class mem'],
    ['a hypercall', { hypercalls: { 34: 1 } }, 'hypercall 33'],
  ])('notices %s', (_what, counts, at) => {
    const row = rowOf(counts);
    const places = row.firstMismatch?.at;
    expect(row.mismatched).toBeGreaterThan(0);
    expect([at, 'hypercall 34']).toContain(places);
  });

  it('notices a record of another event in the trace', () => {
    expect(rowOf({}, words.with(3, 0x9002_1102)).mismatched).toBe(2);
  });
});
