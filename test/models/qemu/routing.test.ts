import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pciTarget } from '../../../src/models/qemu/space/pci-space.js';
import { Bench, type Placing } from './machine-bench.js';

const HOST: Placing = ['mch', null, 0];

/** A bridge of a random tree: place, and the numbers programmed into it. */
interface Node {
  readonly secondary: number;
  readonly subordinate: number;
  readonly reset: boolean;
  readonly below: readonly Node[];
}

const number = fc.integer({ min: 0, max: 7 });
const { node } = fc.letrec<{ node: Node; below: readonly Node[] }>((tie) => ({
  below: fc.array(tie('node'), { maxLength: 3 }),
  node: fc.record({
    secondary: number,
    subordinate: number,
    reset: fc.boolean(),
    below: fc.oneof({ maxDepth: 3 }, fc.constant<readonly Node[]>([]), tie('below')),
  }),
}));

/** Conventional bridges by tree; an edu sits behind each at device 31. */
function build(nodes: readonly Node[]): { bench: Bench; byNode: Map<Node, number> } {
  const placings: Placing[] = [HOST];
  const byNode = new Map<Node, number>();
  const walk = (level: readonly Node[], parent: number | null): void => {
    level.forEach((here, index) => {
      byNode.set(here, placings.length);
      placings.push(['i82801b11-bridge', parent, (index + 1) * 8]);
      const bridge = placings.length - 1;
      placings.push(['edu', bridge, 0xf8]);
      walk(here.below, bridge);
    });
  };
  walk(nodes, null);
  const bench = new Bench(placings);
  for (const [here, index] of byNode) {
    // Straight into the registers: routing is what is under test.
    const fn = bench.machine.state.functions[index]!;
    fn.config[0x18] = (here.secondary << 8) | (here.subordinate << 16);
    fn.config[0x3c] = here.reset ? 0x40_0000 : 0;
  }
  return { bench, byNode };
}

/** The same rule over the plain tree: newest first, exact match at once, else enter the first that holds it. */
function expectBridge(level: readonly Node[], wanted: number): Node | null {
  for (const here of [...level].reverse()) {
    if (here.secondary === wanted) return here;
    if (!here.reset && here.secondary <= wanted && wanted <= here.subordinate)
      return expectBridge(here.below, wanted);
  }
  return null;
}

describe('bus numbers', () => {
  it('reach whom a plain walk over the tree says, for any numbers', () => {
    fc.assert(
      fc.property(fc.array(node, { maxLength: 3 }), fc.integer({ min: 1, max: 8 }), (nodes, wanted) => {
        const { bench, byNode } = build(nodes);
        const expected = expectBridge(nodes, wanted);
        expect(bench.whoAnswers(wanted, 0xf8)).toBe(expected === null ? null : byNode.get(expected)! + 1);
      }),
    );
  });

  const edu = (secondary: number, subordinate: number): Node => ({
    secondary,
    subordinate,
    reset: false,
    below: [],
  });
  // Rows are facts/q35-qemu 2.4.
  it.each([
    ['subordinate does not matter for the bus right behind', [edu(5, 0)], 5, 0],
    ['secondary above subordinate still answers', [edu(6, 2)], 6, 0],
    ['of two equal bridges the later one answers', [edu(3, 3), edu(3, 3)], 3, 1],
    ['a wide bridge created later hides a right one inside it', [edu(4, 4), edu(2, 9)], 4, null],
    ['number 0 is the root bus', [edu(0, 9)], 0, null],
  ])('%s', (_name, nodes, wanted, index) => {
    const { bench, byNode } = build(nodes);
    const expected = index === null ? null : byNode.get(nodes[index]!)! + 1;
    expect(bench.whoAnswers(wanted, 0xf8)).toBe(expected);
  });

  it('that form a loop end', () => {
    const inner: Node = { secondary: 1, subordinate: 7, reset: false, below: [] };
    const { bench } = build([{ secondary: 1, subordinate: 7, reset: false, below: [inner] }]);
    expect(bench.whoAnswers(6, 0xf8)).toBeNull();
  });

  it('under bus reset are reached directly but not beyond', () => {
    const { bench, byNode } = build([{ secondary: 1, subordinate: 4, reset: true, below: [edu(2, 2)] }]);
    const [outer] = byNode.values();
    expect(bench.whoAnswers(1, 0xf8)).toBe(outer! + 1);
    expect(bench.whoAnswers(2, 0xf8)).toBeNull();
  });
});

describe('memory windows and BARs', () => {
  /** Two ports with an edu each and an edu beside them: `[function, register, dword]` writes in any order. */
  const PLACES: readonly Placing[] = [
    HOST,
    ['pcie-root-port', null, 0x10],
    ['edu', 1, 0],
    ['ioh3420', null, 0x18],
    ['edu', 3, 0],
    ['edu', null, 0x20],
  ];
  const BDF: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x100, 3: 0x18, 4: 0x200, 5: 0x20 };
  const STEP = 0x10_0000;
  const BASE = 0xe000_0000;
  const operation = fc.record({
    fn: fc.integer({ min: 1, max: 5 }),
    what: fc.constantFrom('move', 'on', 'off', 'touch'),
    from: fc.nat(5),
    length: fc.integer({ min: -1, max: 3 }),
  });

  it('answer as painting every region in the order it was mapped says', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        const bench = new Bench(PLACES);
        bench.write(0x10, 0x18, 4, 0x01_01_00);
        bench.write(0x18, 0x18, 4, 0x02_02_00);
        for (const { fn, what, from, length } of operations) {
          const bdf = BDF[fn]!;
          const bridge = fn === 1 || fn === 3;
          if (what === 'on') bench.write(bdf, 4, 2, 2);
          else if (what === 'off') bench.write(bdf, 4, 2, 0);
          else if (what === 'touch' && bridge) bench.write(bdf, 0x3e, 2, 0);
          else if (bridge) {
            const first = (BASE + from * STEP) >>> 16;
            const last = (BASE + (from + length) * STEP) >>> 16;
            bench.write(bdf, 0x20, 4, (first | (last << 16)) >>> 0);
            bench.write(bdf, 0x24, 4, 0x0000_fff0);
          } else bench.write(bdf, 0x10, 4, BASE + from * STEP);
        }
        for (let slot = 0; slot < 10; slot++) {
          const address = BASE + slot * STEP;
          const target = pciTarget(bench.machine, 0, 'memory', address);
          const found = target === null ? null : bench.machine.state.functions.indexOf(target.fn);
          expect(found).toBe(painted(bench, address));
        }
      }),
      { numRuns: 60 },
    );
  });

  /** The same question answered by sorting everything mapped at an address by its order. */
  function painted(bench: Bench, address: number): number | null {
    const { functions } = bench.machine.state;
    const behind = (index: number): number | null => {
      const bar = functions[index]!.bars[0];
      return bar !== undefined && address >= bar.base && address < bar.base + STEP ? index : null;
    };
    const layers: { order: number; owner: number | null }[] = [];
    const own = functions[5]!.bars[0];
    if (own !== undefined) layers.push({ order: own.order, owner: behind(5) });
    for (const [port, device] of [
      [1, 2],
      [3, 4],
    ] as const) {
      const { memory, prefetchable, order } = functions[port]!.windows!;
      for (const [rank, window] of [prefetchable, memory].entries()) {
        const holds = address >= window.base && address < window.base + window.sizeBytes;
        layers.push({ order: order + rank, owner: holds ? behind(device) : null });
      }
    }
    layers.sort((a, b) => b.order - a.order);
    return layers.find((layer) => layer.owner !== null)?.owner ?? null;
  }

  it('come on top again when the bridge is merely touched', () => {
    const bench = new Bench([
      HOST,
      ['pcie-root-port', null, 0x10],
      ['edu', 1, 0],
      ['ivshmem-plain', null, 0x20],
    ]);
    bench.write(0x10, 0x18, 4, 0x01_01_00);
    bench.write(0x10, 0x20, 4, 0xe000_e000);
    bench.write(0x10, 4, 2, 2);
    bench.write(0x100, 0x10, 4, BASE);
    bench.write(0x100, 4, 2, 2);
    bench.write(0x20, 0x18, 4, BASE);
    bench.write(0x20, 4, 2, 2);
    expect(bench.send('readl 0xe0000000')).toBe(0);
    bench.write(0x10, 0x3e, 1, 0);
    expect(bench.send('readl 0xe0000000')).toBe(0x0100_00ed);
  });
});
