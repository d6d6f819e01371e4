import { describe, expect, it } from 'vitest';
import { errno } from '../../../../src/base/errno.js';
import { mergedRead, mergedWrite } from '../../../../src/models/xen/vpci/access.js';
import { addRegister, type RegisterRule, removeRegisters } from '../../../../src/models/xen/vpci/handlers.js';

/** A test register: a store behind the masks, itself write-1-to-clear where the mask says so. */
interface Stored extends RegisterRule {
  store: number;
}

type Masks = Partial<Pick<RegisterRule, 'ro' | 'rw1c' | 'rsvdp' | 'rsvdz'>>;

const register = (offset: number, size: number, store = 0, masks: Masks = {}): Stored => ({
  offset,
  size,
  store,
  ro: 0,
  rw1c: 0,
  rsvdp: 0,
  rsvdz: 0,
  ...masks,
});

/** One function as caller hwdom; hardware reads all ones and drops writes. @source facts/xen 11.1 */
class Harness {
  readonly list: Stored[] = [];

  add(offset: number, size: number, store = 0, masks: Masks = {}): number {
    return addRegister(this.list, register(offset, size, store, masks));
  }

  read(reg: number, size: number): number {
    return mergedRead(
      this.list,
      reg,
      size,
      () => 0xffff_ffff,
      ({ store }) => store,
    );
  }

  write(reg: number, size: number, value: number): void {
    mergedWrite(
      this.list,
      reg,
      size,
      value,
      () => {},
      ({ store }) => store,
      (target, written) => {
        const kept = (written | (target.store & target.rw1c)) >>> 0;
        target.store = (kept & ~(written & target.rw1c)) >>> 0;
      },
    );
  }
}

type Row =
  | readonly ['add', number, number, number?]
  | readonly ['R', number, number, number]
  | readonly ['W', number, number, number]
  | readonly ['WR', number, number, number]
  | readonly ['rejected', number, number, number]
  | readonly ['removed', number, number]
  | readonly ['not removed', number, number];

/** Reads of the four bytes at `base` in every width. */
const everyWidth = (base: number, value: number): Row[] => [
  ...[0, 1, 2, 3].map((i): Row => ['R', base + i, 1, (value >>> (8 * i)) & 0xff]),
  ['R', base, 2, value & 0xffff],
  ['R', base + 2, 2, value >>> 16],
  ['R', base, 4, value],
];

const bases = [16, 20, 24];

// facts/xen 11.1, steps 1 to 9, 12 to 22, 24 and 25; one list throughout, so the order matters.
const sequence: readonly (readonly [string, readonly Row[]])[] = [
  [
    '1',
    [
      ['add', 0, 4, 0xdeadbeef],
      ['R', 0, 4, 0xdeadbeef],
      ['WR', 0, 4, 0xbcbcbcbc],
    ],
  ],
  [
    '2',
    [
      ['add', 5, 1, 0xef],
      ['R', 5, 1, 0xef],
      ['WR', 5, 1, 0xba],
    ],
  ],
  [
    '3',
    [
      ['add', 6, 1, 0xbe],
      ['R', 6, 1, 0xbe],
      ['WR', 6, 1, 0xba],
    ],
  ],
  [
    '4',
    [
      ['add', 7, 1, 0xef],
      ['R', 7, 1, 0xef],
      ['WR', 7, 1, 0xbd],
    ],
  ],
  [
    '5',
    [
      ['add', 12, 2, 0x8696],
      ['R', 12, 2, 0x8696],
      ['R', 12, 4, 0xffff8696],
    ],
  ],
  ['6', [['rejected', 4, 4, errno.EEXIST]]],
  ['7', [['rejected', 15, 2, errno.EINVAL]]],
  ['8', [['rejected', 8, 3, errno.EINVAL]]],
  [
    '12',
    [
      ['R', 8, 4, 0xffffffff],
      ['R', 8, 2, 0xffff],
      ['R', 8, 1, 0xff],
    ],
  ],
  [
    '13',
    [
      ['W', 10, 2, 0xbeef],
      ['R', 10, 2, 0xffff],
    ],
  ],
  [
    '14',
    [
      ['WR', 7, 1, 0xbd],
      ['R', 4, 4, 0xbdbabaff],
    ],
  ],
  [
    '15',
    [
      ['WR', 0, 4, 0x1a1b1c1d],
      ['R', 2, 1, 0x1b],
      ['R', 6, 2, 0xbdba],
    ],
  ],
  ['16', [['WR', 4, 4, 0xaabbccff]]],
  [
    '17',
    [
      ['WR', 2, 1, 0xfe],
      ['WR', 6, 2, 0xfebc],
    ],
  ],
  [
    '18',
    [
      ...[16, 17, 18, 19].map((offset): Row => ['add', offset, 1]),
      ...[20, 22].map((offset): Row => ['add', offset, 2]),
      ['add', 24, 4],
      ...bases.flatMap((base) => everyWidth(base, 0)),
    ],
  ],
  [
    '19',
    bases.flatMap((base): Row[] => [
      ...[0x32, 0x17, 0xf5, 0xa2].map((value, i): Row => ['WR', base + i, 1, value]),
      ...everyWidth(base, 0xa2f51732),
    ]),
  ],
  [
    '20',
    bases.flatMap((base): Row[] => [
      ['WR', base, 2, 0x6fda],
      ['WR', base + 2, 2, 0x2b83],
      ...everyWidth(base, 0x2b836fda),
    ]),
  ],
  ['21', bases.flatMap((base): Row[] => [['WR', base, 4, 0xc4693beb], ...everyWidth(base, 0xc4693beb)])],
  [
    '22',
    [
      ['add', 28, 1],
      ['add', 30, 1],
      ['WR', 28, 4, 0xffacffdc],
    ],
  ],
  [
    '24',
    [
      ['removed', 28, 1],
      ['removed', 24, 4],
      ['removed', 12, 2],
      ['removed', 16, 2],
      ['removed', 30, 2],
    ],
  ],
  ['25', [['not removed', 20, 1]]],
];

function run(harness: Harness, [action, offset, size, value = 0]: Row): void {
  switch (action) {
    case 'add':
      expect(harness.add(offset, size, value)).toBe(0);
      return;
    case 'rejected':
      expect(harness.add(offset, size)).toBe(-value);
      return;
    case 'W':
      harness.write(offset, size, value);
      return;
    case 'WR':
      harness.write(offset, size, value);
      expect(harness.read(offset, size)).toBe(value);
      return;
    case 'R':
      expect(harness.read(offset, size)).toBe(value);
      return;
    case 'removed':
      expect(removeRegisters(harness.list, offset, size)).toBe(0);
      return;
    case 'not removed':
      expect(removeRegisters(harness.list, offset, size)).toBe(-errno.ERANGE);
      return;
  }
}

describe("Xen's vPCI harness", () => {
  it('passes its register sequence in order', () => {
    const harness = new Harness();
    for (const [step, rows] of sequence) {
      for (const row of rows) {
        try {
          run(harness, row);
        } catch (failure) {
          throw new Error(`step ${step}, ${row.join(' ')}`, { cause: failure });
        }
      }
    }
    expect(harness.list.map(({ offset, size }) => `${offset}/${size}`)).toEqual([
      '0/4',
      '5/1',
      '6/1',
      '7/1',
      '18/1',
      '19/1',
      '20/2',
      '22/2',
    ]);
  });

  it('step 9: a register without any handler is rejected', () => {
    expect(addRegister([], register(8, 2), false)).toBe(-errno.EINVAL);
  });

  const masks = ['ro', 'rw1c', 'rsvdp', 'rsvdz'] as const;
  const pairs = masks.flatMap((a, i) => masks.slice(i + 1).map((b) => [a, b] as const));

  it.each(pairs)('step 10: %s and %s sharing a bit are rejected', (a, b) => {
    expect(new Harness().add(8, 4, 0, { [a]: 1, [b]: 1 })).toBe(-errno.EINVAL);
  });

  it.each(masks.flatMap((mask) => [[1, mask, 0x100] as const, [2, mask, 0x1_0000] as const]))(
    'step 11: size %d with %s outside the register is rejected',
    (size, mask, bit) => {
      expect(new Harness().add(8, size, 0, { [mask]: bit })).toBe(-errno.EINVAL);
    },
  );

  // Step 23: access, read before, data, read after, store after.
  it.each([
    ['a', 32, 1, 0x0f, 0x5a, 0x0f, 0x000f0f0f],
    ['b', 33, 1, 0x0f, 0x5a, 0x05, 0x000f050f],
    ['c', 34, 1, 0, 0x5a, 0, 0x000f0f0f],
    ['d', 35, 1, 0, 0x5a, 0, 0x000f0f0f],
    ['e', 32, 4, 0x0f0f, 0, 0x0f0f, 0x000f0f0f],
    ['f', 32, 4, 0x0f0f, 0xffffffff, 0x000f, 0x000f000f],
  ])('step 23%s: masks at %d/%d', (_name, reg, size, before, data, after, store) => {
    const harness = new Harness();
    const fields = { ro: 0xff, rw1c: 0xff00, rsvdp: 0xff_0000, rsvdz: 0xff00_0000 };
    expect(harness.add(32, 4, 0x0f0f0f0f, fields)).toBe(0);
    expect(harness.read(reg, size)).toBe(before);
    harness.write(reg, size, data);
    expect(harness.read(reg, size)).toBe(after);
    expect(harness.list[0]!.store).toBe(store);
  });
});
