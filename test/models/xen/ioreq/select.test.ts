import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addRange,
  addTakesElement,
  containsRange,
  emptyRangeSet,
  overlapsRange,
  type RangeSet,
  removeRange,
  removeTakesElement,
} from '../../../../src/base/rangeset.js';
import {
  type Access,
  type Selecting,
  selectServer,
  targetOf,
} from '../../../../src/models/xen/ioreq/select.js';

type Ranges = readonly (readonly [type: 0 | 1 | 2, start: number, end: number])[];
interface Server {
  readonly enabled: boolean;
  readonly ranges: Ranges;
}

/** The members of a set, the slow and obvious way. */
class Members {
  readonly set = new Set<number>();
  add(start: number, end: number): void {
    for (let i = start; i <= end; i++) this.set.add(i);
  }
  remove(start: number, end: number): void {
    for (let i = start; i <= end; i++) this.set.delete(i);
  }
  has = (start: number, end: number): boolean => {
    for (let i = start; i <= end; i++) if (!this.set.has(i)) return false;
    return true;
  };
  meets(start: number, end: number): boolean {
    for (let i = start; i <= end; i++) if (this.set.has(i)) return true;
    return false;
  }
}

/** The rule of facts/xen 4.5 as it stands there. */
function restated(servers: readonly (Server | null)[], cf8: number, access: Access): number {
  const { space, addr, size, count, df } = access;
  let type = space === 'port' ? 0 : 1;
  let first = addr;
  let last = addr + size - 1;
  if (space === 'mem') {
    first = df ? addr - (count - 1) * size : addr;
    last = df ? addr + size - 1 : addr + count * size - 1;
  } else if (addr >= 0xcfc && addr <= 0xcff && cf8 >= 2 ** 31) {
    type = 2;
    first = Math.floor(cf8 / 256) % 65536;
    last = first;
  }
  for (let id = 7; id >= 0; id--) {
    const server = servers[id];
    if (!server?.enabled) continue;
    const members = new Members();
    for (const [kind, start, end] of server.ranges) if (kind === type) members.add(start, end);
    if (members.has(first, last)) return id;
  }
  return -1;
}

function build(servers: readonly (Server | null)[], cf8: number): Selecting {
  return {
    type: 'hvm',
    cf8,
    cpuVendor: 'intel',
    cpuFamily: 6,
    hostCf8Ext: false,
    servers: servers.map((server) => {
      if (server === null) return null;
      const ranges: [RangeSet, RangeSet, RangeSet] = [emptyRangeSet(), emptyRangeSet(), emptyRangeSet()];
      for (const [type, start, end] of server.ranges) addRange(ranges[type], start, end);
      return { enabled: server.enabled, ranges };
    }),
  };
}

// Small numbers around 0xcf8, so that ranges meet, touch and overlap often.
const place = fc.integer({ min: 0xcd0, max: 0xd20 });
const range = fc
  .tuple(fc.constantFrom(0 as const, 1 as const, 2 as const), place, fc.nat(12))
  .map(([type, start, length]) => [type, start, start + length] as const);
const server = fc.option(fc.record({ enabled: fc.boolean(), ranges: fc.array(range, { maxLength: 6 }) }), {
  nil: null,
});
const access: fc.Arbitrary<Access> = fc.record({
  space: fc.constantFrom('port' as const, 'mem' as const),
  addr: place,
  size: fc.constantFrom(1, 2, 4, 8),
  count: fc.integer({ min: 1, max: 5 }),
  df: fc.boolean(),
});
const latch = fc
  .tuple(fc.boolean(), place, fc.nat(255))
  .map(([on, bdf, reg]) => (on ? 2 ** 31 : 0) + bdf * 256 + reg);

describe('selection', () => {
  it('agrees with the rule restated byte by byte', () => {
    fc.assert(
      fc.property(fc.array(server, { minLength: 8, maxLength: 8 }), latch, access, (servers, cf8, one) => {
        const guest = build(servers, cf8);
        expect(selectServer(guest, one, targetOf(guest, one))).toBe(restated(servers, cf8, one));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('range sets', () => {
  const step = fc.tuple(fc.constantFrom('add', 'remove'), fc.nat(40), fc.nat(8));

  it('hold what was added and not removed, disjoint, merged and in order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(40), fc.nat(8), (steps, at, length) => {
        const set = emptyRangeSet();
        const members = new Members();
        for (const [what, start, more] of steps) {
          const end = start + more;
          const before = set.starts.length;
          if (what === 'add') {
            const fresh = !overlapsRange(set, start, end);
            const takes = addTakesElement(set, start);
            addRange(set, start, end);
            members.add(start, end);
            if (fresh && !takes) expect(set.starts.length).toBeLessThanOrEqual(before);
          } else {
            const inside = containsRange(set, start, end);
            const takes = removeTakesElement(set, start, end);
            removeRange(set, start, end);
            members.remove(start, end);
            if (inside) expect(set.starts.length > before).toBe(takes);
          }
        }
        expect(containsRange(set, at, at + length)).toBe(members.has(at, at + length));
        expect(overlapsRange(set, at, at + length)).toBe(members.meets(at, at + length));
        expect(set.ends.length).toBe(set.starts.length);
        for (let i = 1; i < set.starts.length; i++)
          expect(set.starts[i]!).toBeGreaterThan(set.ends[i - 1]! + 1);
      }),
      { numRuns: 1_000 },
    );
  });
});
