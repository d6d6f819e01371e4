import { describe, expect, it } from 'vitest';
import { formatOf } from '../../src/importers/registry.js';
import { importBytes } from './import-bytes.js';

/** A table with its length and checksum put right. */
function table(signature: string, body: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(36 + body.length);
  bytes.set(new TextEncoder().encode(signature));
  bytes.set(new TextEncoder().encode('BOCHS BXPC    '), 10);
  bytes.set(body, 36);
  new DataView(bytes.buffer).setUint32(4, bytes.length, true);
  bytes[9] = (256 - (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff)) & 0xff;
  return bytes;
}
const u16 = (n: number) => [n & 0xff, n >> 8];
const u64 = (n: number) => [0, 8, 16, 24, 32, 40, 48, 56].map((bit) => Math.floor(n / 2 ** bit) & 0xff);

const mcfg = table('MCFG', [...u64(0), ...u64(0xb000_0000), ...u16(0), 0, 0xff, 0, 0, 0, 0]);
const dmar = table('DMAR', [
  ...[39, 1, ...new Array(10).fill(0)],
  // A unit with one function, then one for all others, then a reserved region of two functions.
  ...[...u16(0), ...u16(24), 0, 0, ...u16(0), ...u64(0xfed9_0000), 1, 8, 0, 0, 0, 0, 2, 0],
  ...[...u16(0), ...u16(16), 1, 0, ...u16(0), ...u64(0xfed9_1000)],
  ...[...u16(1), ...u16(40), 0, 0, ...u16(0), ...u64(0xbdf8_f000), ...u64(0xbdf9_2fff)],
  ...[1, 8, 0, 0, 0, 0, 0x14, 0, 1, 8, 0, 0, 0, 4, 0, 1],
]);
const ivrs = table('IVRS', [
  ...new Array(12).fill(0),
  ...[0x10, 0, ...u16(32), ...u16(2), ...u16(0x40), ...u64(0xfeb8_0000), ...u16(0), 0, 0, 0, 0, 0, 0],
  ...[3, ...u16(0x08), 0, 4, ...u16(0x0a), 0],
]);

describe('an ACPI table', () => {
  it('MCFG gives the host bridge of its segment', async () => {
    expect(formatOf(mcfg, null).name).toBe('mcfg');
    const { header } = await importBytes(formatOf(mcfg, null), mcfg, 7);
    expect(header.platform.bridges).toMatchObject([
      { access: 'mmcfg', cfgBase: 0xb000_0000, busStart: 0, busEnd: 255, pciDomain: 0 },
    ]);
  });

  it('DMAR gives units and reserved regions with their functions', async () => {
    const { header } = await importBytes(formatOf(dmar, null), dmar);
    expect(header.platform.x86).toMatchObject({
      iommuUnits: [
        { model: 'vt-d', base: 0xfed9_0000, includesAll: false, devices: [0x10] },
        { base: 0xfed9_1000, includesAll: true, devices: [] },
      ],
      reservedRegions: [{ base: 0xbdf8_f000, end: 0xbdf9_2fff, devices: [0xa0, 0x401] }],
    });
  });

  it('IVRS gives units with ranges of functions', async () => {
    const { header } = await importBytes(formatOf(ivrs, null), ivrs);
    expect(header.platform.x86?.iommuUnits).toEqual([
      { model: 'amd-vi', segment: 0, base: 0xfeb8_0000, includesAll: false, devices: [8, 9, 10] },
    ]);
  });

  it('is the same from acpidump', async () => {
    const rows = Array.from({ length: Math.ceil(mcfg.length / 16) }, (_, i) => {
      const bytes = [...mcfg.subarray(16 * i, 16 * i + 16)].map((byte) => byte.toString(16).padStart(2, '0'));
      return `    ${(16 * i).toString(16).padStart(4, '0')}: ${bytes.join(' ')}  ....`;
    });
    const text = `MCFG @ 0x0000000000000000\n${rows.join('\n')}\n\n`;
    expect(formatOf(new TextEncoder().encode(text), null).name).toBe('acpi');
    const { header } = await importBytes(formatOf(new TextEncoder().encode(text), null), text);
    expect(header.platform.bridges[0]?.cfgBase).toBe(0xb000_0000);
  });

  it.each([
    ['a wrong sum', mcfg.with(50, 1), 'ACPI-003'],
    ['its end cut off', mcfg.subarray(0, 50), 'ACPI-002'],
  ])('with %s is refused', async (_name, bytes, code) => {
    await expect(importBytes(formatOf(mcfg, null), bytes)).rejects.toMatchObject({ code });
  });

  it('whose structure leaves it is refused', async () => {
    const long = table('DMAR', [...new Array(12).fill(0), ...u16(0), ...u16(60), 0, 0]);
    await expect(importBytes(formatOf(long, null), long)).rejects.toMatchObject({ code: 'ACPI-002' });
  });
});
