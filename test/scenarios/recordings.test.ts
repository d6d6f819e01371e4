import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from '../../replay/run/replayer.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import { Judge } from '../../src/rules/judge.js';
import { envOf } from '../../src/state/trace-env.js';

const file = resolve(import.meta.dirname, '../../traces/recordings/xen-4.22-two-bridges.xpr');

function* batches(reader: TraceReader): Generator<readonly TraceEvent[]> {
  for (const block of reader.blocks()) yield block.events();
}

describe('the segment bug of 2015 on a real Xen 4.22.0', () => {
  it('replays: every outcome is decided again and equal', () => {
    const reader = TraceReader.open(fileStore.open(file));
    const { mismatched, compared } = replay(envOf(reader.header), batches(reader), { keep: 1 });
    reader.close();
    expect(mismatched).toBe(0);
    expect(compared).toBeGreaterThan(80);
  });

  it('is found: the numbers disagree, the assignment moves the wrong stream, the removal stops Xen', () => {
    const reader = TraceReader.open(fileStore.open(file));
    const judge = new Judge(envOf(reader.header));
    for (const batch of batches(reader)) for (const event of batch) judge.see(event);
    reader.close();
    const codes = [...new Set(judge.findings.map(({ rule }) => rule))];
    expect(codes).toEqual(['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001', 'IOM-010']);
    const assigned = judge.findings.find(({ evidence }) => evidence['op'] === 'assign_device');
    expect(assigned?.evidence).toMatchObject({ streamIdReal: '0x00100', streamIdProgrammed: '0x08100' });
  });
});
