import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeX86Message,
  encodeApicMessage,
  encodeRemappable,
  isX86Doorbell,
  xenHostMessage,
} from '../../src/pci/x86-message.js';

describe('x86 messages (facts/arm-msi-iommu 7.3, facts/xen 6.1)', () => {
  it('Xen addresses APIC 0x12 at 0xfee12000 and asserts an edge', () => {
    expect(xenHostMessage(0x12, 0x31)).toEqual({ addressLow: 0xfee12000, addressHigh: 0, data: 0x4031 });
  });

  it.each([
    [0xfee00000, true],
    [0xfeeffffc, true],
    [0xfef00000, false],
    [0xfedffffc, false],
    [0x1_fee00000, false],
  ])('%i is an interrupt address: %s', (address, expected) => {
    expect(isX86Doorbell(address)).toBe(expected);
  });

  it.each([
    [
      'redirection hint and logical mode',
      0xfee0100c,
      0x0031,
      { destination: 1, redirectionHint: true, logical: true },
    ],
    ['extended destination', 0xfee01020, 0x0031, { destination: 0x101 }],
    ['level, lowest priority', 0xfee00000, 0xc131, { level: true, assert: true, delivery: 1, vector: 0x31 }],
  ])('%s', (_name, address, data, expected) => {
    expect(decodeX86Message(address, data)).toMatchObject({ format: 'apic', ...expected });
  });

  it.each([
    [0, 0xfee00010],
    [1, 0xfee00030],
    [0x7fff, 0xfeeffff0],
    [0x8000, 0xfee00014],
  ])('remapping index %i stands in the address as %i', (index, address) => {
    const message = encodeRemappable({ index, subhandleValid: false, subhandle: 0 });
    expect(message.addressLow).toBe(address);
    expect(decodeX86Message(address, 0)).toMatchObject({ format: 'remappable', index });
  });

  it('decodes what it encoded', () => {
    const apic = fc.record({
      destination: fc.integer({ min: 0, max: 0x7fff }),
      redirectionHint: fc.boolean(),
      logical: fc.boolean(),
      vector: fc.integer({ min: 0, max: 0xff }),
      delivery: fc.integer({ min: 0, max: 7 }),
      assert: fc.boolean(),
      level: fc.boolean(),
    });
    fc.assert(
      fc.property(apic, (message) => {
        const { addressLow, data } = encodeApicMessage(message);
        expect(decodeX86Message(addressLow, data)).toEqual({ format: 'apic', ...message });
      }),
    );
  });
});
