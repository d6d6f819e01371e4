import { describe, expect, it } from 'vitest';
import { Host, machine, msiMap, type Sketch } from './machine.js';

const MSIX = '0000:00:02.0';
const MSI = '0000:00:03.0';
const sketches: readonly Sketch[] = [
  { at: MSIX, msixEntries: 4, express: true },
  { at: MSI, msi: 4, maskBits: true },
];

/** Capabilities stand at 0x70 (MSI-X) and 0x50 (MSI, 64 bits: mask at 0x60). */
const rows: readonly (readonly [string, string, number, number, number, number])[] = [
  ['a register of the header', MSIX, 0x04, 2, 7, 0],
  ['a register beyond 255', MSIX, 0x100, 4, 1, 0],
  ['a register of another capability', MSIX, 0x48, 2, 1, 0],
  ['the control word of MSI-X', MSIX, 0x72, 2, 0xc000, 1],
  ['one byte of the control word of MSI-X', MSIX, 0x72, 1, 0, -13],
  ['header and control word of MSI-X at once', MSIX, 0x70, 4, 0, -13],
  ['the table register of MSI-X', MSIX, 0x74, 4, 0, -13],
  ['the last byte of the MSI-X capability', MSIX, 0x7b, 1, 0, -13],
  ['the byte after the MSI-X capability', MSIX, 0x7c, 1, 0, 0],
  ['the control word of MSI', MSI, 0x52, 2, 1, 1],
  ['a wide write over the control word of MSI', MSI, 0x52, 4, 1, -13],
  ['the address of MSI', MSI, 0x54, 4, 0xfee00000, -13],
  ['the mask of MSI', MSI, 0x60, 4, 1, 1],
  ['a byte of the mask of MSI', MSI, 0x60, 1, 1, -13],
  ['the pending bits of MSI', MSI, 0x64, 4, 1, -13],
  ['the dword after MSI', MSI, 0x68, 4, 1, 0],
  ['a device Xen has no object for', '0000:1f:00.0', 0x72, 2, 0, 0],
];

const verdictOf = (host: Host, fn: string, reg: number, size: number, value: number, domid = 0) => {
  const events = host.writeConfig(fn, reg, size, value, domid);
  const event = events.find((one) => one.kind === 'config.intercepted');
  return event?.kind === 'config.intercepted' ? event.data : null;
};

describe('what Xen makes of a PV hardware domain writing configuration space', () => {
  it.each(rows)('%s', (_what, fn, reg, size, value, verdict) => {
    const host = new Host({ platform: machine(sketches) });
    host.physdev('map_pirq', msiMap(MSI));
    expect(verdictOf(host, fn, reg, size, value)?.verdict).toBe(verdict);
  });

  it('MSI registers are looked at only while Xen has an entry of the device', () => {
    const host = new Host({ platform: machine(sketches) });
    expect(verdictOf(host, MSI, 0x54, 4, 0xfee00000)?.verdict).toBe(0);
  });

  it('without its MMCFG window a function has registers below 256 only', () => {
    const host = new Host({ platform: machine(sketches) });
    const read = (reg: number): number | null => {
      const events = host.engine.step({
        kind: 'config.requested',
        by: 'd0',
        data: { domid: 0 as never, via: 'pv', dir: 'read', sbdf: 0x10 as never, reg, size: 4, value: null },
      });
      const done = events.find((event) => event.kind === 'config.completed');
      return done?.kind === 'config.completed' ? done.data.value : null;
    };
    expect([read(0), read(0x100)]).toEqual([0x10d3_8086, 0]);
    const window = { address: 0xb0000000, segment: 0, start_bus: 0, end_bus: 255, flags: 0 };
    expect(host.physdev('pci_mmcfg_reserved', window)).toBe(0);
    expect([read(0), read(0x100)]).toEqual([0x10d3_8086, 0xffff_ffff]);
  });

  it('mask bits of vectors nobody uses stay set', () => {
    const host = new Host({ platform: machine(sketches) });
    host.physdev('map_pirq', msiMap(MSI, { type: 4, entry_nr: 2 }));
    expect(verdictOf(host, MSI, 0x60, 4, 0x1)?.value).toBe(0xd);
  });

  it('a refused write does not reach the hardware, and a guest reaches none at all', () => {
    const platform = machine(sketches);
    const writeMask = new Uint8Array(4096).fill(0xff);
    const host = new Host({
      platform: { ...platform, functions: platform.functions.map((fn) => ({ ...fn, writeMask })) },
    });
    verdictOf(host, MSIX, 0x74, 4, 0x1234);
    expect(verdictOf(host, MSIX, 0x04, 2, 0, 1)).toBe(null);
    expect(host.state.hw.config).toEqual({});
    verdictOf(host, MSIX, 0x3c, 1, 11);
    expect(Object.values(host.state.hw.config)).toEqual([{ 60: 11 }]);
  });
});
