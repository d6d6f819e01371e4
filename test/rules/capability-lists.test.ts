import { describe, expect, it } from 'vitest';
import { Guest } from './guest.js';

const CARD = 0x18;

/** A guest that reads dwords of one function, given as offset and value. */
function reads(dwords: readonly (readonly [at: number, value: number])[]): string[] {
  const guest = new Guest();
  guest.read(CARD, 0x00, 4, 0x10d3_8086);
  guest.find(CARD, 0);
  guest.read(CARD, 0x04, 4, 0x0010_0000);
  for (const [at, value] of dwords) guest.read(CARD, at, 4, value);
  return guest.found();
}

describe('conventional capability lists (facts/arm-msi-iommu 8.3)', () => {
  it.each([
    [
      'an ordinary list',
      [
        [0x34, 0xc8],
        [0xc8, 0x0003_0001],
        [0xcc, 0],
      ],
    ],
    [
      'a capability that ends with the space',
      [
        [0x34, 0xf4],
        [0xf4, 0x0000_0011],
      ],
    ],
    [
      'a list half read',
      [
        [0x34, 0x40],
        [0x40, 0x0000_5005],
      ],
    ],
  ] as const)('%s is no finding', (_name, dwords) => {
    expect(reads(dwords)).toEqual([]);
  });

  it.each([
    ['the start below 0x40', [[0x34, 0x10]], 'the capability pointer of 0000:00:03.0 points at 0x10, below'],
    [
      'a next pointer below 0x40',
      [
        [0x34, 0x40],
        [0x40, 0x0000_3c05],
      ],
      'the capability at 0x40 of 0000:00:03.0 points at 0x3c, below',
    ],
    [
      'a pointer between two places',
      [
        [0x34, 0x42],
        [0x40, 0x0000_0005],
      ],
      'points at 0x42, which is no multiple of 4',
    ],
    [
      'a place that reads as ones',
      [
        [0x34, 0x40],
        [0x40, 0x0000_8005],
        [0x80, 0xffff_ffff],
      ],
      'points at 0x80, where everything reads as ones',
    ],
    [
      'MSI-X at the very end',
      [
        [0x34, 0xf8],
        [0xf8, 0x0000_0011],
      ],
      'the capability at 0xf8 of 0000:00:03.0 (id 0x11) does not fit',
    ],
  ] as const)('%s leads out', (_name, dwords, text) => {
    const found = reads(dwords);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^BRG-009/);
    expect(found[0]).toContain(text);
  });

  it('two entries that point at each other are a loop', () => {
    expect(
      reads([
        [0x34, 0x40],
        [0x40, 0x0000_5001],
        [0x50, 0x0000_4005],
      ]),
    ).toEqual(['BRG-006 the capability at 0x50 of 0000:00:03.0 points back at 0x40']);
  });

  it('a function that is gone says nothing about its list', () => {
    const guest = new Guest();
    guest.read(CARD, 0x00, 4, 0x10d3_8086);
    guest.find(CARD, 0);
    guest.read(CARD, 0x04, 4, 0x0010_0000);
    guest.read(CARD, 0x34, 1, 0x40);
    guest.read(CARD, 0x40, 4, 0x0000_0005);
    for (const at of [0x04, 0x34, 0x40]) guest.read(CARD, at, 4, 0xffff_ffff);
    expect(guest.found()).toEqual([]);
  });
});

describe('extended capability lists', () => {
  it.each([
    ['none', [[0x100, 0]]],
    ['none, as 256 bytes read', [[0x100, 0xffff_ffff]]],
    [
      'two in order',
      [
        [0x100, 0x1480_0001 + 0x2_0000],
        [0x148, 0x0001_000d],
      ],
    ],
    [
      'two, the second before the first in memory',
      [
        [0x100, 0x2000_0001 + 0x2_0000],
        [0x200, 0x1401_000d],
        [0x140, 0x0001_000e],
      ],
    ],
  ] as const)('%s is no finding', (_name, dwords) => {
    expect(reads(dwords)).toEqual([]);
  });

  it.each([
    [
      'to itself',
      [[0x100, 0x1000_0001 + 0x2_0000]],
      'BRG-006 the capability at 0x100 of 0000:00:03.0 points at itself',
    ],
    [
      'back',
      [
        [0x100, 0x1402_0001],
        [0x140, 0x1001_000d],
      ],
      'BRG-006 the capability at 0x140 of 0000:00:03.0 points back at 0x100',
    ],
    [
      'below 0x100',
      [[0x100, 0x0402_0001]],
      'BRG-009 the capability at 0x100 of 0000:00:03.0 points at 0x40, below the first place of a capability',
    ],
    [
      'between places',
      [[0x100, 0x1422_0001]],
      'BRG-009 the capability at 0x100 of 0000:00:03.0 points at 0x142, which is no multiple of 4',
    ],
    [
      'to nothing',
      [
        [0x100, 0x2002_0001],
        [0x200, 0xffff_ffff],
      ],
      'BRG-009 the capability at 0x100 of 0000:00:03.0 points at 0x200, where everything reads as ones',
    ],
    [
      'to one cut off',
      [
        [0x100, 0xfe02_0001],
        [0xfe0, 0x0001_0010],
      ],
      'BRG-009 the capability at 0xfe0 of 0000:00:03.0 (id 0x10) does not fit before the end of configuration space',
    ],
  ] as const)('that lead %s are one', (_name, dwords, finding) => {
    const found = reads(dwords);
    expect(found).toEqual([finding]);
  });
});
