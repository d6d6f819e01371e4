import { describe, expect, it } from 'vitest';
import { Guest } from './guest.js';

const PORT = 0xe0;
const SIBLING = 0xe1;
const CARD = 0x100;
const DECODE_IO = 1;
const DECODE_MEMORY = 2;

/** A port to bus 1 with the given windows as register values, decoding both spaces. */
function port(
  guest: Guest,
  sbdf: number,
  bus: number,
  windows: { io?: number; memory?: number; pref?: number; base?: number; limit?: number; control?: number },
): void {
  guest.find(sbdf, 1);
  guest.read(sbdf, 0x1c, 2, 0x00f0);
  guest.read(sbdf, 0x24, 4, 0x0001_fff1);
  guest.write(sbdf, 0x18, 4, bus * 0x1_0100);
  guest.write(sbdf, 0x1c, 2, windows.io ?? 0x00f0);
  guest.write(sbdf, 0x20, 4, windows.memory ?? 0x0000_fff0);
  guest.write(sbdf, 0x24, 4, windows.pref ?? 0x0000_fff0);
  guest.write(sbdf, 0x28, 4, windows.base ?? 0);
  guest.write(sbdf, 0x2c, 4, windows.limit ?? 0);
  guest.write(sbdf, 0x3e, 2, windows.control ?? 0);
  guest.write(sbdf, 0x04, 2, DECODE_IO + DECODE_MEMORY);
}

/** A card behind the port at bus 1 with one BAR. */
function card(guest: Guest, mask: number, address: number, decode: number): void {
  guest.find(CARD, 0);
  guest.place(CARD, 0x10, mask, address);
  guest.write(CARD, 0x04, 2, decode);
}

describe('ports behind a bridge (facts/q35-qemu 2.5)', () => {
  const behind = (io: number, address: number, control = 0): string[] => {
    const guest = new Guest();
    port(guest, PORT, 1, { io, control });
    card(guest, 0xffff_ffe1, address + 1, DECODE_IO);
    return guest.found('BRG-001');
  };

  it.each([
    ['inside the window', 0x2010, 0x2fe0, 0],
    ['in the first 256 bytes of a KiB with ISA enable', 0x1010, 0x1400, 4],
    ['in a window left at 0/0, which is open', 0x0000, 0x0300, 0],
  ])('are reached %s', (_name, io, address, control) => {
    expect(behind(io, address, control)).toEqual([]);
  });

  it.each([
    ['above the limit', 0x2010, 0x3000, 0, 'I/O 0x1000-0x2fff'],
    ['in an ISA alias with ISA enable', 0x1010, 0x1500, 4, 'I/O 0x1000-0x1fff without ISA aliases'],
    ['of a closed window', 0x00f0, 0x1000, 0, 'I/O closed'],
    ['above 64 KiB, which 16 bits cannot say', 0xf010, 0x1_1000, 0, 'I/O 0x1000-0xffff'],
  ])('are not reached %s', (_name, io, address, control, text) => {
    expect(behind(io, address, control)).toHaveLength(1);
    expect(behind(io, address, control)[0]).toContain(text);
  });
});

describe('memory behind a bridge', () => {
  const wide = (mask: readonly [number, number], address: readonly [number, number]): string[] => {
    const guest = new Guest();
    // Prefetchable: 16 GiB at 0x10_0000_0000.
    port(guest, PORT, 1, { pref: 0xfff1_0001, base: 0x10, limit: 0x13 });
    guest.find(CARD, 0);
    guest.read(CARD, 0x10, 4, 0x0c);
    guest.place(CARD, 0x10, mask[0], address[0]);
    guest.place(CARD, 0x14, mask[1], address[1]);
    guest.write(CARD, 0x04, 2, DECODE_MEMORY);
    return guest.found('BRG-001');
  };

  it('above 4 GiB is judged with both halves of the BAR and of the window', () => {
    expect(wide([0x0000_000c, 0xffff_fffe], [0, 0x10])).toEqual([]);
    expect(wide([0x0000_000c, 0xffff_fffe], [0, 0x14])).toEqual([
      'BRG-001 BAR 0 of 0000:01:00.0 at 0x1400000000-0x15ffffffff is not within the windows of 0000:00:1c.0: memory closed, prefetchable 0x1000000000-0x13ffffffff',
    ]);
  });

  it('may lie across two windows that meet', () => {
    const guest = new Guest();
    port(guest, PORT, 1, { memory: 0xe000_e000, pref: 0xe011_e011 });
    card(guest, 0xffe0_0000, 0xe000_0000, DECODE_MEMORY);
    expect(guest.found('BRG-001')).toEqual([]);
  });

  it('of the display is reached through VGA enable', () => {
    const at = (control: number): number => {
      const guest = new Guest();
      port(guest, PORT, 1, { control });
      card(guest, 0xffff_0000, 0xa_0000, DECODE_MEMORY);
      return guest.found('BRG-001').length;
    };
    expect([at(8), at(0)]).toEqual([0, 1]);
  });

  it('counts for an enabled ROM and for the own BAR of a bridge', () => {
    const guest = new Guest();
    port(guest, PORT, 1, { memory: 0xe000_e000 });
    guest.find(CARD, 1);
    guest.place(CARD, 0x10, 0xffff_f000, 0xe000_0000);
    guest.write(CARD, 0x38, 4, 0xffff_f800);
    guest.read(CARD, 0x38, 4, 0xffff_0000);
    guest.write(CARD, 0x38, 4, 0xe020_0000);
    guest.write(CARD, 0x04, 2, DECODE_MEMORY);
    expect(guest.found('BRG-001')).toEqual([]);
    guest.write(CARD, 0x38, 4, 0xe020_0001);
    guest.write(CARD, 0x10, 4, 0xe030_0000);
    expect(guest.found('BRG-001').map((line) => line.slice(8, 31))).toEqual([
      'the ROM of 0000:01:00.0',
      'BAR 0 of 0000:01:00.0 a',
    ]);
  });

  it('counts for the BARs of all virtual functions once they decode (facts/arm-msi-iommu 8.3)', () => {
    const guest = new Guest();
    const SRIOV = 0x160;
    port(guest, PORT, 1, { memory: 0xe000_e000 });
    guest.find(CARD, 0);
    guest.read(CARD, 0x100, 4, 0x1600_0000 + 0x0001_0001);
    guest.read(CARD, SRIOV, 4, 0x0001_0010);
    guest.place(CARD, SRIOV + 0x24, 0xffff_c000, 0xe00e_0000);
    guest.write(CARD, SRIOV + 0x10, 2, 8);
    guest.write(CARD, SRIOV + 0x08, 2, 1);
    expect(guest.found('BRG-001')).toEqual([]);
    guest.write(CARD, SRIOV + 0x08, 2, 9);
    expect(guest.found('BRG-001')).toEqual([]);
    guest.write(CARD, SRIOV + 0x10, 2, 9);
    expect(guest.found('BRG-001')).toEqual([
      'BRG-001 VF BAR 0 of 0000:01:00.0 at 0xe00e0000-0xe0103fff is not within the windows of 0000:00:1c.0: memory 0xe0000000-0xe00fffff, prefetchable closed',
    ]);
  });
});

describe('bridges on one bus', () => {
  it('both forward the display once both have VGA enable', () => {
    const both = (control: number): string[] => {
      const guest = new Guest();
      port(guest, PORT, 1, { control: 8 });
      port(guest, SIBLING, 2, { control });
      return guest.found('BRG-002');
    };
    expect(both(0)).toEqual([]);
    expect(both(8).map((line) => line.slice(0, 60))).toEqual([
      'BRG-002 0000:00:1c.1 forwards 0xa0000-0xbffff and 0000:00:1c',
      'BRG-002 0000:00:1c.1 forwards I/O 0x3b0-0x3bb and 0000:00:1c',
    ]);
  });

  it('may forward ports that meet and do not overlap', () => {
    const guest = new Guest();
    port(guest, PORT, 1, { io: 0x1010 });
    port(guest, SIBLING, 2, { io: 0x2020 });
    expect(guest.found('BRG-002')).toEqual([]);
    guest.write(SIBLING, 0x1c, 2, 0x2010);
    expect(guest.found('BRG-002')).toHaveLength(1);
  });
});

describe('a bridge behind a bridge', () => {
  const inner = (memory: number): string[] => {
    const guest = new Guest();
    port(guest, PORT, 1, { memory: 0xe010_e000 });
    port(guest, CARD, 2, { memory });
    return guest.found('BRG-007');
  };

  it('may forward as much as the one above it', () => expect(inner(0xe010_e000)).toEqual([]));
  it('is told of when it forwards more', () => {
    expect(inner(0xe020_e010)).toEqual([
      'BRG-007 0000:01:00.0 forwards 0xe0100000-0xe02fffff, which 0000:00:1c.0 above it does not pass on as a whole: memory 0xe0000000-0xe01fffff, prefetchable closed',
    ]);
  });
  it('is told of when the window above it shrinks', () => {
    const guest = new Guest();
    port(guest, PORT, 1, { memory: 0xe010_e000 });
    port(guest, CARD, 2, { memory: 0xe010_e000 });
    guest.write(PORT, 0x20, 4, 0xe000_e000);
    expect(guest.found('BRG-007')).toHaveLength(1);
  });
});

describe('BARs on one bus', () => {
  const OTHER = 0x101;
  const two = (second: number, decode: number): string[] => {
    const guest = new Guest();
    card(guest, 0xffff_f000, 0xe000_0000, DECODE_MEMORY);
    guest.find(OTHER, 0);
    guest.place(OTHER, 0x10, 0xffff_c000, second);
    guest.write(OTHER, 0x04, 2, decode);
    return guest.found('BRG-008');
  };

  it('overlap', () => {
    expect(two(0xe000_0000, DECODE_MEMORY)).toEqual([
      'BRG-008 BAR 0 of 0000:01:00.1 at 0xe0000000-0xe0003fff and BAR 0 of 0000:01:00.0 at 0xe0000000-0xe0000fff overlap in 0xe0000000-0xe0000fff',
    ]);
  });
  it('do not while one of them is off', () => expect(two(0xe000_0000, 0)).toEqual([]));
  it('do not side by side', () => expect(two(0xe000_4000, DECODE_MEMORY)).toEqual([]));

  it('do not across spaces: ports are no memory', () => {
    const guest = new Guest();
    card(guest, 0xffff_f000, 0x1000, DECODE_MEMORY);
    guest.find(OTHER, 0);
    guest.place(OTHER, 0x10, 0xffff_ffe1, 0x1001);
    guest.write(OTHER, 0x04, 2, DECODE_IO);
    expect(guest.found('BRG-008')).toEqual([]);
  });
});
