import { describe, expect, it } from 'vitest';
import type { EventOf, KindName, TraceEvent } from '../../src/events/catalogue.js';
import { Judge } from '../../src/rules/judge.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

function record(name: string) {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const judge = new Judge(env);
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => {
    for (const event of batch) judge.see(event);
    events.push(...batch);
  });
  const all = <K extends KindName>(kind: K) =>
    events.filter(({ kind: one }) => one === kind) as unknown as readonly EventOf<K>[];
  /** What memory reads at an address gave, in order. */
  const readsAt = (addr: number): (number | null)[] => {
    const places = new Set(
      all('io.requested')
        .filter(({ data }) => data.addr === addr && data.dir === 'read')
        .map(({ seq }) => seq),
    );
    return all('ioreq.completed')
      .filter(({ data }) => data.request !== null && places.has(data.request))
      .map(({ data }) => data.data);
  };
  const messages = judge.findings.map(({ rule, message }) => `${rule} ${message}`);
  return { all, readsAt, messages };
}

describe('a card that is too large for the window of its port (facts/q35-qemu 2.5, 2.8)', () => {
  const { all, readsAt, messages } = record('hotplug-window-too-small');

  it('is registered for as much memory as the bridge forwards, and as a whole after the rebalance', () => {
    const mapped = all('range.mapped')
      .filter(({ data }) => data.type === 'memory')
      .map(({ data }) => [data.start, data.end]);
    expect(mapped).toContainEqual([0xf000_0000, 0xf01f_ffff]);
    expect(mapped).toContainEqual([0xe000_0000, 0xe0ff_ffff]);
    expect(all('ioreq.unclaimed').map(({ data }) => data.addr)).toEqual([0xf030_0000]);
  });

  it('keeps its memory while it moves', () => {
    expect(readsAt(0xe010_0000)).toEqual([0x1122_3344]);
    expect(readsAt(0xe0f0_0000)).toEqual([0x5566_7788]);
  });

  it('announces itself with messages of the slot', () => {
    expect(all('msi.delivered').map(({ data }) => data.vector)).toEqual([0x40, 0x40, 0x40]);
  });

  it('is found outside its window once', () => {
    expect(messages).toEqual([
      'BRG-001 BAR 2 of 0000:01:00.0 at 0xf0000000-0xf0ffffff is not within the windows of 0000:00:1c.0: memory 0xf1000000-0xf10fffff, prefetchable 0xf0000000-0xf01fffff',
    ]);
  });
});

describe('errors of a passed-through function (facts/q35-qemu 2.9)', () => {
  const { all, readsAt, messages } = record('aer-forwarded');

  it('set root status and source of the virtual port when fatal, and nothing when correctable or gated', () => {
    // Bits 31:27 are the vector; the source of an uncorrectable error is the upper half.
    expect(readsAt(0xb00e_0130)).toEqual([0x0800_0054, 0x0800_0000, 0x0800_0000]);
    expect(readsAt(0xb00e_0134)).toEqual([0x0100_0000]);
  });

  it('send the second of two vectors', () => {
    expect(all('msi.delivered').map(({ data }) => data.vector)).toEqual([0x41]);
    expect(messages).toEqual([]);
  });
});

describe('bridges that make no sense', () => {
  const { messages } = record('malformed-bridges');

  it('are all reported, and every access ends', () => {
    expect(messages).toEqual([
      'BRG-005 0000:00:03.0 is a PCI Express endpoint on the root bus: it has no upstream port',
      'BRG-006 the capability at 0x40 of 0000:01:00.0 points at itself',
      'BRG-001 BAR 0 of 0000:01:00.0 at 0xf0000000-0xf00fffff is not within the windows of 0000:00:1c.0: memory closed, prefetchable closed',
      'BRG-002 0000:00:1c.1 forwards 0xf0100000-0xf02fffff and 0000:00:1c.0 on the same bus 0xf0000000-0xf01fffff',
      'BRG-004 0000:00:1c.2 has secondary bus 5 above subordinate bus 4: nothing below bus 5 is reached',
      'BRG-003 d1 made the bus behind 0000:02:00.0 number 2; server 0 (dm:qemu) has functions registered on bus 3',
      'BRG-011 server 0 answers for 0000:02:00.0 in d1, registered while its bus stood behind 0000:00:1c.1; it stands behind 0000:02:00.0 now',
      'BRG-004 0000:02:00.0 leads to bus 2, on which it stands itself: a loop of bus numbers',
      'IOR-013 server 0 (dm:qemu) of d1 is still asked for 0000:03:00.0, whose bus 0000:02:00.0 has made number 2',
    ]);
  });
});
