import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { align } from '../../replay/diff/align.js';
import type { Token } from '../../replay/diff/canonical.js';
import { diffTraces } from '../../replay/diff/diff.js';
import type { Level } from '../../replay/diff/levels.js';
import type { Side } from '../../replay/diff/side.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { TraceReader } from '../../src/log/reader.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { Recorder } from '../../src/machine/recorder.js';
import { twoBridgesSwappedDtb } from '../../src/platform/built-in/two-bridges-swapped.js';
import type { Platform } from '../../src/platform/platform.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../src/scenarios/run.js';

function side(name: string, policies: Record<string, string> = {}, platform: Platform | null = null): Side {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies, switches: {}, platform });
  const store = new MemoryStore();
  const recorder = new Recorder(store.create('t'), scenarioHeader(scenario, env, 1), env);
  runScenario(scenario, env, 1, (events) => recorder.append(events));
  recorder.finish();
  return { reader: TraceReader.open(store.open('t')), env };
}

const compare = (a: Side, b: Side, level: Level = 'semantic', ignore: string[] = []) =>
  diffTraces(a, b, { level, ignore: new Set(ignore) });

describe('diff', () => {
  it('finds a trace equal to itself at every level', () => {
    for (const level of ['raw', 'semantic', 'guest', 'hardware'] as const) {
      const result = compare(side('two-bridges-swapped'), side('two-bridges-swapped'), level);
      expect(result).toMatchObject({ equal: true, islands: [], onlyInA: 0, onlyInB: 0 });
      expect(result.matched).toBeGreaterThan(0);
    }
  });

  it('compares runs of different numbers by what they mean', () => {
    const other = side('two-bridges-agreed', {}, platformFromDtb(twoBridgesSwappedDtb()));
    const result = compare(side('two-bridges-agreed'), other);
    expect(result.equal).toBe(true);
    expect(result.ignored['names']).toBeGreaterThan(0);
    expect(compare(side('two-bridges-agreed'), other, 'raw').equal).toBe(false);
  });

  it('names the first event that differs, the input behind it, and whether the states stay apart', () => {
    const result = compare(
      side('two-bridges-agreed'),
      side('two-bridges-agreed', { iommu: 'off', 'pci-passthrough': 'on' }),
    );
    expect(result.equal).toBe(false);
    expect(result.firstDivergence?.a).toBe(result.islands[0]?.aFrom);
    expect(result.islands[0]?.root.a).toBeLessThanOrEqual(result.islands[0]!.aFrom);
    expect(result.islands.some(({ lasting }) => lasting === true)).toBe(true);
  });

  it('leaves out fields it is told to', () => {
    const [a, b] = [side('two-bridges-agreed'), side('two-bridges-agreed', { 'segments.xen': 'dt-order' })];
    expect(compare(a, b, 'raw', ['source']).equal).toBe(true);
  });
});

describe('who can tell', () => {
  const says = (name: string, level: Level): string[] => {
    const { islands } = compare(side(name), side(name, { iommu: 'off' }), level);
    return islands.flatMap((island) =>
      (['a', 'b'] as const).flatMap((of) =>
        island.says![of].map(({ kind, text }) => `${of} ${kind}: ${text}`),
      ),
    );
  };

  it('is the hardware, of a fault on one side and of memory that is reached on the other: both are named', () => {
    const found = says('sata-controller-sends-as-function-1', 'hardware');
    expect(found).toContain(
      'a vtd.faulted: DMA remapping ends a read of 0xb0000000/05:00.0 as 0000:05:00.1 to 0x20000000: Present bit in context entry is clear',
    );
    expect(found).toContain(
      'b memory.reached: a read of 0xb0000000/05:00.0 as 0000:05:00.1 reaches 0x20000000, memory of d0 (guest)',
    );
  });

  it('is no guest, where only the hardware domain lives', () => {
    expect(says('sata-controller-sends-as-function-1', 'guest')).toEqual([]);
  });

  it.each(['rebound-by-hand-in-quarantine', 'two-bridges-swapped'])('%s differs for the hardware', (name) => {
    expect(says(name, 'hardware')).not.toEqual([]);
  });

  it('is said of every island', () => {
    const name = 'sata-controller-sends-as-function-1';
    const { islands } = compare(side(name), side(name, { iommu: 'off' }));
    expect(islands.length).toBeGreaterThan(0);
    expect(islands.filter(({ told }) => told.length === 0)).toEqual([]);
    expect(islands.some(({ told }) => told.includes('hardware'))).toBe(true);
  });
});

describe('alignment', () => {
  const token = (text: string, seq: number): Token => ({ text, fields: {}, event: { seq } as TraceEvent });
  const stream = (texts: readonly string[]) => texts.map(token)[Symbol.iterator]();
  const letters = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 60 });

  it('loses nothing: the stretches put together are both sides, and equal stretches are equal', () => {
    fc.assert(
      fc.property(letters, letters, (left, right) => {
        const stretches = [...align(stream(left), stream(right))];
        expect(stretches.flatMap(({ a }) => a.map(({ text }) => text))).toEqual(left);
        expect(stretches.flatMap(({ b }) => b.map(({ text }) => text))).toEqual(right);
        for (const { is, a, b } of stretches) {
          if (is === 'equal') expect(a.map(({ text }) => text)).toEqual(b.map(({ text }) => text));
          else expect(a.length + b.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('meets again behind a difference wider than one window', () => {
    const common = Array.from({ length: 400 }, (_, i) => `common ${i}`);
    const inserted = Array.from({ length: 5_000 }, (_, i) => `new ${i}`);
    const stretches = [
      ...align(stream(common), stream([...common.slice(0, 100), ...inserted, ...common.slice(100)])),
    ];
    const islands = stretches.filter(({ is }) => is === 'island');
    expect(islands.map(({ a, b }) => [a.length, b.length])).toEqual([[0, 5_000]]);
  });
});
