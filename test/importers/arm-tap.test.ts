import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { Source } from '../../src/importers/feed.js';
import { merge } from '../../src/importers/merge.js';
import { formatOf, headBytes } from '../../src/importers/registry.js';
import { Judge } from '../../src/rules/judge.js';
import { envOf } from '../../src/state/trace-env.js';
import { recordingText } from '../conformance/recording.js';

const folder = 'test/fixtures/arm422';

function source(run: string, file: string, edit = (text: string): string => text): Source {
  const path = `${folder}/${run}/${file}`;
  const bytes = file.endsWith('.dtb')
    ? readFileSync(path)
    : Buffer.from(edit(recordingText(`${folder}/${run}`, file) ?? ''), 'latin1');
  return {
    file,
    format: formatOf(bytes.subarray(0, headBytes), null),
    // In pieces that end nowhere in particular.
    async *chunks() {
      for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
    },
  };
}

async function imported(sources: readonly Source[]) {
  const merged = await merge(sources);
  const env = envOf(merged.header);
  const judge = new Judge(env);
  const events: TraceEvent[] = [];
  for await (const batch of merged.events()) {
    for (const event of batch) judge.see(event);
    events.push(...batch);
  }
  return { env, events, codes: [...new Set(judge.findings.map(({ rule }) => rule))] };
}

describe('a run of an ARM Xen becomes one trace', () => {
  it('the bug of 2015, from the tree, the console and the tap', async () => {
    const files = ['machine.dtb', 'xen-console.log', 'arm-tap.jsonl'].map((file) =>
      source('a422-differ', file),
    );
    expect(files.map(({ format }) => format.name)).toEqual(['dtb', 'xen-console', 'arm-tap']);
    const { env, events, codes } = await imported(files);
    expect(env.switches).toMatchObject({ xen: '4.22.0', linux: '6.1.192' });
    expect(env.policies.iommu).toBe('on');
    expect(codes).toEqual(expect.arrayContaining(['SEG-003', 'SEG-001', 'IOM-001', 'IOM-010']));
    // Xen's bridge A is segment 0, Dom0's is 1.
    expect(
      events.flatMap((event) =>
        event.kind === 'segment.assigned' ? [[event.data.by, event.data.segment, event.data.cfgBase]] : [],
      ),
    ).toEqual([
      ['xen', 0, 0x40_1000_0000],
      ['xen', 1, 0x40_2000_0000],
      ['dom0', 0, 0x40_2000_0000],
      ['dom0', 1, 0x40_1000_0000],
    ]);
    // The card sends 0x100; the stream that moves is 0x8100.
    expect(
      events.flatMap((event) =>
        event.kind === 'iommu.programmed' && event.data.domid === 1 ? [event.data.streamId] : [],
      ),
    ).toEqual([0x8100]);
    expect(events.at(-1)?.kind).toBe('xen.panicked');
  });

  it('a tree that stops Xen, from the tree and the console', async () => {
    const { events, codes } = await imported([
      source('a422-mix', 'machine.dtb'),
      source('a422-mix', 'xen-console.log'),
    ]);
    expect(events.at(-1)?.kind).toBe('xen.panicked');
    expect(codes).toEqual(['SEG-006']);
  });

  it("the console's options are the policies of the trace", async () => {
    const off = source('a422-differ', 'xen-console.log', (text) =>
      text.replace('iommu=verbose', 'iommu=verbose,off pci-passthrough=on'),
    );
    const { env } = await imported([source('a422-differ', 'machine.dtb'), off]);
    expect([env.policies.iommu, env.policies['pci-passthrough']]).toEqual(['off', 'on']);
  });

  it('a guest that ends with a device gives it back', async () => {
    const { events } = await imported(
      ['machine.dtb', 'arm-tap.jsonl'].map((file) => source('a422-probe', file)),
    );
    expect(events.filter(({ kind }) => kind === 'domain.destroyed')).toHaveLength(1);
  });

  it('a damaged record is told with its line', async () => {
    const bad = source('a422-differ', 'arm-tap.jsonl', (text) => text.replace('"sid":"0x8"', '"sid":8'));
    await expect(imported([source('a422-differ', 'machine.dtb'), bad])).rejects.toMatchObject({
      code: 'TAP-002',
    });
  });
});
