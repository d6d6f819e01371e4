import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeMsiControl,
  decodeMsixControl,
  decodeMsixPlace,
  encodeMsiControl,
  encodeMsixControl,
  isAligned,
  messageData,
  msiLayout,
  msixEntryDwords,
  pendingBit,
  resetMsixEntry,
  writeMsixEntry,
} from '../../src/pci/msi.js';

describe('MSI capability (facts/arm-msi-iommu 7.1)', () => {
  it.each([
    [false, false, { lengthBytes: 10, addressHigh: null, data: 8, mask: null, pending: null }],
    [true, false, { lengthBytes: 14, addressHigh: 8, data: 0xc, mask: null, pending: null }],
    [false, true, { lengthBytes: 20, addressHigh: null, data: 8, mask: 0xc, pending: 0x10 }],
    [true, true, { lengthBytes: 24, addressHigh: 8, data: 0xc, mask: 0x10, pending: 0x14 }],
  ])('64 bit %s, mask bits %s', (is64, maskable, expected) => {
    expect(msiLayout(is64, maskable)).toMatchObject(expected);
  });

  it.each([
    [0x0001, { enabled: true, capableLog2: 0, enabledLog2: 0, is64: false, maskable: false }],
    [0x0080, { enabled: false, capableLog2: 0, enabledLog2: 0, is64: true, maskable: false }],
    [0x018a, { enabled: false, capableLog2: 5, enabledLog2: 0, is64: true, maskable: true }],
    [0x0035, { enabled: true, capableLog2: 2, enabledLog2: 3, is64: false, maskable: false }],
  ])('control 0x%i', (control, expected) => {
    expect(decodeMsiControl(control)).toEqual(expected);
    expect(encodeMsiControl(decodeMsiControl(control))).toBe(control);
  });

  it.each([
    [0x40, 0, 0, 0x40],
    [0x40, 3, 5, 0x45],
    [0x47, 3, 1, 0x41],
    [0xffff, 5, 31, 0xffff],
  ])('data %i, 2^%i messages, vector %i is sent as %i', (data, log2, vector, sent) => {
    expect(messageData(data, log2, vector)).toBe(sent);
  });

  it('data of several messages has to be aligned to their number', () => {
    expect([isAligned(0x40, 3), isAligned(0x44, 3), isAligned(0x45, 0)]).toEqual([true, false, true]);
  });
});

describe('MSI-X capability and table (facts/arm-msi-iommu 7.2)', () => {
  it.each([
    [0x0000, { entries: 1, functionMask: false, enabled: false }],
    [0x8004, { entries: 5, functionMask: false, enabled: true }],
    [0xc7ff, { entries: 2048, functionMask: true, enabled: true }],
  ])('control %i', (control, expected) => {
    expect(decodeMsixControl(control)).toEqual(expected);
    expect(encodeMsixControl(decodeMsixControl(control))).toBe(control);
  });

  it('place is a BAR and an offset of eight bytes', () => {
    expect(decodeMsixPlace(0x2003)).toEqual({ bar: 3, offsetBytes: 0x2000 });
  });

  it('an entry comes out of reset masked', () => {
    expect(msixEntryDwords(resetMsixEntry)).toEqual([0, 0, 0, 1]);
  });

  it.each([
    ['address low loses its two low bits', 0, 4, 0xfee01003, [0xfee01000, 0, 0, 1]],
    ['one byte of the data', 9, 1, 0x41, [0, 0, 0x4100, 1]],
    ['unmask', 12, 4, 0, [0, 0, 0, 0]],
    ['reserved bits of vector control do not stick', 12, 4, 0xfffffffe, [0, 0, 0, 0]],
    ['a write over the end stays in the entry', 14, 4, 0xffffffff, [0, 0, 0, 1]],
  ])('%s', (_name, offset, size, value, dwords) => {
    expect(msixEntryDwords(writeMsixEntry(resetMsixEntry, offset, size, value))).toEqual(dwords);
  });

  it('eight bytes write an address or data with the mask', () => {
    expect(msixEntryDwords(writeMsixEntry(resetMsixEntry, 0, 8, 0x2f030040, 1))).toEqual([
      0x2f030040, 1, 0, 1,
    ]);
    expect(msixEntryDwords(writeMsixEntry(resetMsixEntry, 8, 8, 7, 0))).toEqual([0, 0, 7, 0]);
  });

  it('single bytes in any order come to the same entry as dwords', () => {
    const dword = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(
        fc.tuple(dword, dword, dword, dword),
        fc.shuffledSubarray([...Array(16).keys()], { minLength: 16 }),
        (values, order) => {
          const whole = values.reduce(
            (entry, value, i) => writeMsixEntry(entry, 4 * i, 4, value),
            resetMsixEntry,
          );
          const bytes = order.reduce(
            (entry, at) => writeMsixEntry(entry, at, 1, values[at >>> 2]! >>> (8 * (at & 3))),
            resetMsixEntry,
          );
          expect(bytes).toEqual(whole);
        },
      ),
    );
  });

  it.each([
    [0, { offsetBytes: 0, bit: 0 }],
    [63, { offsetBytes: 0, bit: 63 }],
    [64, { offsetBytes: 8, bit: 0 }],
    [2047, { offsetBytes: 248, bit: 63 }],
  ])('pending bit of vector %i', (vector, expected) => {
    expect(pendingBit(vector)).toEqual(expected);
  });
});
