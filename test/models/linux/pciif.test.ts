import { describe, expect, it } from 'vitest';
import {
  errorToPcibios,
  layout,
  type PciOp,
  pcibiosToError,
  readAerOp,
  readOp,
  writeAerOp,
  writeOp,
} from '../../../src/models/linux/pciif/page.js';

const op: PciOp = {
  cmd: 4,
  err: -114,
  domain: 0x0102_0304,
  bus: 5,
  devfn: 0x19,
  offset: 0x42,
  size: 2,
  value: 0xdead_beef,
  info: 7,
  msixEntries: Array.from({ length: 128 }, (_, i) => ({ vector: 0xffff - i, entry: i })),
};

describe('the shared page (facts/dom0 3)', () => {
  it('has the compiled layout', () => {
    const page = new Uint8Array(4096);
    writeOp(page, op);
    const view = new DataView(page.buffer);
    expect(view.getUint32(4, true)).toBe(4);
    expect(view.getInt32(8, true)).toBe(-114);
    expect(view.getUint32(32, true)).toBe(0xdead_beef);
    expect(view.getUint16(4 + 36 + 4 * 127 + 2, true)).toBe(127);
    expect(layout.op + layout.opSizeBytes).toBe(layout.aerOp);
    expect(layout.aerOp + layout.aerOpSizeBytes).toBe(layout.end);
    expect(page.subarray(layout.aerOp).every((byte) => byte === 0)).toBe(true);
  });

  it('reads back what it wrote', () => {
    const page = new Uint8Array(4096);
    writeOp(page, op);
    expect(readOp(page)).toEqual(op);
    const aer = { cmd: 6, err: 2, domain: 0, bus: 0, devfn: 8 };
    writeAerOp(page, aer);
    expect(readAerOp(page)).toEqual(aer);
    expect(readOp(page)).toEqual(op);
  });

  it.each([
    [0x00, 0, 0x00],
    [0x86, -1, 0x86],
    [0x87, -2, 0x87],
    [0x88, -3, 0x88],
    [0x81, -4, 0x81],
    [-22, -22, -22],
  ])('PCIBIOS code %i crosses the page as %i and comes back as %i', (code, err, back) => {
    expect(pcibiosToError(code)).toBe(err);
    expect(errorToPcibios(err)).toBe(back);
  });

  it('gives op_failed to the guest as a bad register', () => {
    expect(errorToPcibios(-5)).toBe(0x87);
  });
});
