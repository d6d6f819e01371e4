import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errno } from '../../src/base/errno.js';
import { mapId } from '../../src/platform/id-map.js';
import type { IdMap, IdMapEntry } from '../../src/platform/platform.js';

const entry = (idBase: number, target: string | null, outBase: number, length: number): IdMapEntry => ({
  idBase,
  target,
  outBase,
  length,
});
const map = (
  entries: readonly IdMapEntry[],
  mask = 0xffffffff,
  lengthBytes = entries.length * 16,
): IdMap => ({
  lengthBytes,
  mask,
  entries,
});

describe('mapping an id', () => {
  const identity = map([entry(0, 'S', 0, 0x10000)]);

  // Step numbers of facts/arm-msi-iommu 1.4.
  it.each<[string, ReturnType<typeof mapId>, ReturnType<typeof mapId>]>([
    [
      'step 1: nothing asked for',
      mapId(identity, 1, null, { id: false, target: false }),
      { errno: -errno.EINVAL },
    ],
    ['step 2: no map, target asked for', mapId(null, 1), { errno: -errno.ENODEV }],
    ['step 2: no map, id alone', mapId(null, 1, null, { id: true, target: false }), { id: 1, target: null }],
    ['step 3: empty map', mapId(map([]), 1), { errno: -errno.EINVAL }],
    ['step 3: odd length', mapId(map([entry(0, 'S', 0, 16)], 0xffffffff, 20), 1), { errno: -errno.EINVAL }],
    [
      'step 4: the mask applies before matching',
      mapId(map([entry(0, 'S', 0x40, 8)], 7), 0x105),
      { id: 0x45, target: 'S' },
    ],
    [
      'step 5a: a base outside the mask ends the search, match or not',
      mapId(map([entry(0x100, 'S', 0, 1), entry(0, 'S', 0, 8)], 0xff), 1),
      { errno: -errno.EFAULT },
    ],
    [
      'step 5a: but not once an earlier entry matched',
      mapId(map([entry(0, 'S', 0, 8), entry(0x100, 'S', 0, 1)], 0xff), 1),
      { id: 1, target: 'S' },
    ],
    ['step 5b: the id before the base', mapId(map([entry(0x10, 'S', 0, 1)]), 0xf), { id: 0xf, target: null }],
    ['step 5b: the first of a range', mapId(map([entry(0x10, 'S', 0, 2)]), 0x10), { id: 0, target: 'S' }],
    ['step 5b: the last of a range', mapId(map([entry(0x10, 'S', 0, 2)]), 0x11), { id: 1, target: 'S' }],
    ['step 5b: the one after', mapId(map([entry(0x10, 'S', 0, 2)]), 0x12), { id: 0x12, target: null }],
    [
      'step 5b: an end that wraps never matches',
      mapId(map([entry(0xffff0000, 'S', 0, 0x10000)]), 0xffff0001),
      { id: 0xffff0001, target: null },
    ],
    ['step 5b: length 0 never matches', mapId(map([entry(0, 'S', 5, 0)]), 0), { id: 0, target: null }],
    [
      'step 5c: a phandle without a node, matched',
      mapId(map([entry(0, null, 0, 8)]), 1),
      { errno: -errno.ENODEV },
    ],
    [
      'step 5c: a phandle without a node, not matched',
      mapId(map([entry(0, null, 0, 1), entry(1, 'S', 9, 1)]), 1),
      { id: 9, target: 'S' },
    ],
    [
      'step 5c: comes before the wanted target is looked at',
      mapId(map([entry(0, null, 0, 8), entry(0, 'T', 0, 8)]), 1, 'T'),
      { errno: -errno.ENODEV },
    ],
    [
      'step 5d: another target is passed over',
      mapId(map([entry(0, 'S', 0x10, 8), entry(0, 'T', 0x20, 8)]), 1, 'T'),
      { id: 0x21, target: 'T' },
    ],
    [
      'step 5d: the wanted target is not looked at when none is asked for',
      mapId(map([entry(0, 'S', 0x10, 8)]), 1, 'T', { id: true, target: false }),
      { id: 0x11, target: null },
    ],
    [
      'step 5e: the output wraps at 32 bits',
      mapId(map([entry(0, 'S', 0xfffffffe, 8)]), 3),
      { id: 1, target: 'S' },
    ],
    [
      'step 5e: bits the mask removed do not come back',
      mapId(map([entry(0, 'S', 0, 1)], 0), 0xf808),
      { id: 0, target: 'S' },
    ],
    [
      'step 5e: the first match wins',
      mapId(map([entry(0, 'S', 1, 8), entry(0, 'T', 2, 8)]), 0),
      { id: 1, target: 'S' },
    ],
    [
      'step 6: uncovered, the id passes unmasked',
      mapId(map([entry(0, 'S', 0, 1)], 0xff), 0x102),
      { id: 0x102, target: null },
    ],
    [
      'step 6: uncovered, the wanted target stays',
      mapId(map([entry(0, 'S', 0, 1)]), 5, 'T'),
      { id: 5, target: 'T' },
    ],
  ])('%s', (_name, actual, expected) => {
    expect(actual).toEqual(expected);
  });

  // The consequences listed below the algorithm.
  it('gives every device of a bridge one id under mask 0', () => {
    const juno = map([entry(0, 'S', 0, 1)], 0);
    for (const rid of [0, 8, 0x100, 0xffff]) expect(mapId(juno, rid)).toEqual({ id: 0, target: 'S' });
  });

  it('maps 00:00.0 alone with one entry of length 1', () => {
    const placeholder = map([entry(0, 'S', 0, 1)]);
    expect(mapId(placeholder, 0)).toEqual({ id: 0, target: 'S' });
    expect(mapId(placeholder, 8)).toEqual({ id: 8, target: null });
  });

  it('maps function 0 of device 0 alone on each of 16 buses with 16 entries of length 1', () => {
    const perBus = map(Array.from({ length: 16 }, (_, bus) => entry(bus << 8, 'S', 0x1c00 + bus, 1)));
    expect(mapId(perBus, 0xf00)).toEqual({ id: 0x1c0f, target: 'S' });
    expect(mapId(perBus, 0xf01)).toEqual({ id: 0xf01, target: null });
    expect(mapId(perBus, 0x1000)).toEqual({ id: 0x1000, target: null });
  });

  it('agrees with a statement of the steps in exact arithmetic', () => {
    const small = fc.integer({ min: 0, max: 40 });
    const u32 = fc.oneof(small, fc.integer({ min: 0xffffffd0, max: 0xffffffff }));
    const target = fc.constantFrom('S', 'T', null);
    const entries = fc.array(
      fc
        .tuple(u32, target, u32, u32)
        .map(([idBase, node, outBase, length]) => entry(idBase, node, outBase, length)),
      { maxLength: 5 },
    );
    const mask = fc.constantFrom(0, 0x7, 0xf, 0xffff, 0xfffffff8, 0xffffffff);
    const wanted = fc.constantFrom('S', 'T', null);
    fc.assert(
      fc.property(entries, mask, fc.constantFrom(0, 0, 0, 4), u32, wanted, (list, bits, extra, id, node) => {
        const whole = map(list, bits, list.length * 16 + extra);
        expect(mapId(whole, id, node)).toEqual(restated(whole, BigInt(id), node));
      }),
      { numRuns: 5_000 },
    );
  });
});

function restated(whole: IdMap, id: bigint, wanted: string | null): ReturnType<typeof mapId> {
  const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
  const mask = BigInt(whole.mask);
  if (whole.lengthBytes === 0 || whole.lengthBytes % 16 !== 0) return { errno: -errno.EINVAL };
  const outside = (e: IdMapEntry): boolean => (BigInt(e.idBase) | mask) !== mask;
  const covers = (e: IdMapEntry): boolean =>
    (id & mask) >= BigInt(e.idBase) && (id & mask) < u32(BigInt(e.idBase) + BigInt(e.length));
  const ends = whole.entries.find(
    (e) => outside(e) || (covers(e) && (e.target === null || wanted === null || wanted === e.target)),
  );
  if (ends === undefined) return { id: Number(id), target: wanted };
  if (outside(ends)) return { errno: -errno.EFAULT };
  if (ends.target === null) return { errno: -errno.ENODEV };
  return { id: Number(u32((id & mask) - BigInt(ends.idBase) + BigInt(ends.outBase))), target: ends.target };
}
