import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeItsCommand,
  encodeItsCommand,
  type ItsCommand,
  type ItsWords,
  itsCommandBytes,
} from '../../src/pci/its-command.js';

const deviceId = 0x10100;

describe('ITS command encodings (facts/arm-msi-iommu 3.2)', () => {
  const vectors: readonly (readonly [string, ItsCommand, string])[] = [
    [
      'MAPD V=1',
      { name: 'MAPD', deviceId, eventIdBits: 5, ittAddress: 0x7f000000, valid: true },
      '0800000000010100 0400000000000000 0000007f00000080 0000000000000000',
    ],
    [
      'MAPC ICID 0 to processor 0',
      { name: 'MAPC', icid: 0, rdBase: 0, valid: true },
      '0900000000000000 0000000000000000 0000000000000080 0000000000000000',
    ],
    [
      'MAPTI',
      { name: 'MAPTI', deviceId, eventId: 3, lpi: 8195, icid: 0 },
      '0a00000000010100 0300000003200000 0000000000000000 0000000000000000',
    ],
    [
      'MOVI to ICID 1',
      { name: 'MOVI', deviceId, eventId: 3, icid: 1 },
      '0100000000010100 0300000000000000 0100000000000000 0000000000000000',
    ],
    [
      'INT',
      { name: 'INT', deviceId, eventId: 3 },
      '0300000000010100 0300000000000000 0000000000000000 0000000000000000',
    ],
    [
      'DISCARD',
      { name: 'DISCARD', deviceId, eventId: 3 },
      '0f00000000010100 0300000000000000 0000000000000000 0000000000000000',
    ],
    [
      'SYNC processor 0',
      { name: 'SYNC', rdBase: 0 },
      '0500000000000000 0000000000000000 0000000000000000 0000000000000000',
    ],
  ];

  it.each(vectors)('%s', (_name, command, bytes) => {
    const words = encodeItsCommand(command);
    expect(itsCommandBytes(words)).toBe(bytes.replaceAll(' ', ''));
    expect(decodeItsCommand(words)).toEqual(command);
  });

  it.each([
    ['MAPI', 0x0b],
    ['CLEAR', 0x04],
    ['INV', 0x0c],
    ['INVALL', 0x0d],
    ['MOVALL', 0x0e],
  ])('%s has opcode %i', (name, opcode) => {
    const word = (value: number): string => `0x${value.toString(16).padStart(16, '0')}`;
    expect(decodeItsCommand([word(opcode), word(0), word(0), word(0)])?.name).toBe(name);
  });

  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  const icid = fc.integer({ min: 0, max: 0xffff });
  const rdBase = fc.integer({ min: 0, max: 2 ** 36 - 1 });
  const command: fc.Arbitrary<ItsCommand> = fc.oneof(
    fc.record({
      name: fc.constant('MAPD' as const),
      deviceId: u32,
      eventIdBits: fc.integer({ min: 1, max: 32 }),
      ittAddress: fc.integer({ min: 0, max: 2 ** 44 - 1 }).map((page) => page * 0x100),
      valid: fc.boolean(),
    }),
    fc.record({ name: fc.constant('MAPC' as const), icid, rdBase, valid: fc.boolean() }),
    fc.record({ name: fc.constant('MAPTI' as const), deviceId: u32, eventId: u32, lpi: u32, icid }),
    fc.record({ name: fc.constantFrom('MAPI' as const, 'MOVI' as const), deviceId: u32, eventId: u32, icid }),
    fc.record({
      name: fc.constantFrom('INT' as const, 'CLEAR' as const, 'INV' as const, 'DISCARD' as const),
      deviceId: u32,
      eventId: u32,
    }),
    fc.record({ name: fc.constant('SYNC' as const), rdBase }),
    fc.record({ name: fc.constant('INVALL' as const), icid }),
    fc.record({ name: fc.constant('MOVALL' as const), rdBase, rdBase2: rdBase }),
  );

  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(command, (each) => {
        expect(decodeItsCommand(encodeItsCommand(each))).toEqual(each);
      }),
    );
  });

  it('reads any four words or says they are no command', () => {
    const hexWord = fc
      .array(fc.constantFrom(...'0123456789abcdef'), { minLength: 16, maxLength: 16 })
      .map((digits) => `0x${digits.join('')}`);
    const anything = fc.oneof(hexWord, fc.string());
    fc.assert(
      fc.property(fc.tuple(anything, anything, anything, anything), (words) => {
        const read = decodeItsCommand(words as unknown as ItsWords);
        if (read !== null) expect(decodeItsCommand(encodeItsCommand(read))).toEqual(read);
      }),
    );
  });
});
