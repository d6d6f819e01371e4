import { describe, expect, it } from 'vitest';
import { Guest } from './guest.js';

const HOST_BRIDGE = 0;
const PORT = 0xe0;
const Q35_MCH = 0x29c0_8086;

describe('an ECAM access that nobody answers (facts/q35-qemu 1.3)', () => {
  const told = (low: number, addr: number, ids = Q35_MCH): string[] => {
    const guest = new Guest();
    guest.read(HOST_BRIDGE, 0x00, 4, ids);
    guest.write(HOST_BRIDGE, 0x60, 4, low);
    guest.unclaimed({ addr });
    return guest.found('IOR-012');
  };

  it.each([
    ['before the window is enabled', 0xb000_0000, 0xb000_0000, 'PCIEXBAR is not enabled'],
    ['beyond the buses of the window', 0xb000_0005, 0xb400_0000, 'PCIEXBAR opens 64 buses'],
    [
      'at a base with a reserved size code',
      0xb000_0007,
      0xb000_0000,
      'the size code of PCIEXBAR is reserved',
    ],
    ['at a base QEMU cuts', 0xc800_0003, 0xc810_0000, 'QEMU decodes the base as 0xc0000000'],
  ])('is told of %s', (_name, low, addr, why) => {
    expect(told(low, addr)).toHaveLength(1);
    expect(told(low, addr)[0]).toContain(why);
  });

  it('is no ECAM access below the base, beyond 256 buses, or on a chipset without the register', () => {
    expect(told(0xb000_0000, 0xafff_fffc)).toEqual([]);
    expect(told(0xb000_0000, 0xc000_0000)).toEqual([]);
    expect(told(0xb000_0000, 0xb000_0000, 0x1237_8086)).toEqual([]);
  });

  it('is followed when the register is written byte by byte', () => {
    const guest = new Guest();
    guest.read(HOST_BRIDGE, 0x00, 4, Q35_MCH);
    for (const [at, value] of [
      [0x60, 0],
      [0x61, 0],
      [0x62, 0],
      [0x63, 0xe0],
    ] as const) {
      guest.write(HOST_BRIDGE, at, 1, value);
    }
    guest.unclaimed({ addr: 0xe00e_0000 });
    expect(guest.found('IOR-012')).toEqual([
      'IOR-012 d1 read register 0x0 of 0000:00:1c.0 at 0xe00e0000, where no ECAM window is: PCIEXBAR is not enabled',
    ]);
  });
});

describe('a name on a bus that was renumbered (facts/q35-qemu 3.3)', () => {
  const asked = (numbers: readonly number[], name: number): string[] => {
    const guest = new Guest();
    guest.find(PORT, 1);
    for (const bus of numbers) guest.write(PORT, 0x18, 4, bus * 0x1_0100);
    guest.read(name, 0x00, 4, 0x10d3_8086);
    return guest.found('IOR-013');
  };

  it('that its port has given up is told of', () => {
    expect(asked([1, 5], 0x100)).toEqual([
      'IOR-013 server 0 of d1 is still asked for 0000:01:00.0, whose bus 0000:00:1c.0 has made number 5',
    ]);
  });
  it.each([
    ['that its port has now', [1, 5], 0x500],
    ['that its port has got back', [1, 5, 1], 0x100],
    ['that no port ever had', [1, 5], 0x700],
    ['on the root bus', [1, 5], 0x18],
  ] as const)('%s is not', (_name, numbers, name) => {
    expect(asked(numbers, name)).toEqual([]);
  });
});
