import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventName, eventCodes, readRecord, recordWords } from '../../../src/pci/smmu-record.js';

describe('SMMUv3 event records (facts/arm-msi-iommu 6.3)', () => {
  it.each([
    [
      { event: 'F_TRANSLATION', streamId: 0x10100, access: { dir: 'write', address: 0x2f030040 } },
      ['0x0001010000000010', '0x0000028000000000', '0x000000002f030040', '0x000000002f030000'],
    ],
    [
      { event: 'F_PERMISSION', streamId: 0x100, access: { dir: 'read', address: 0x12_3456_7890 } },
      ['0x0000010000000013', '0x0000028800000000', '0x0000001234567890', '0x0000001234567000'],
    ],
    [
      { event: 'C_BAD_STREAMID', streamId: 0x100, access: null },
      ['0x0000010000000002', '0x0000000000000000', '0x0000000000000000', '0x0000000000000000'],
    ],
  ] as const)('%j', (record, words) => {
    expect(recordWords(record)).toEqual(words);
    expect(readRecord(words)).toEqual(record);
  });

  it('reads what it wrote', () => {
    const record = fc.record({
      event: fc.constantFrom(...(Object.keys(eventCodes) as EventName[])),
      streamId: fc.integer({ min: 0, max: 0xffffffff }),
      access: fc.option(
        fc.record({
          dir: fc.constantFrom('read' as const, 'write' as const),
          address: fc.integer({ min: 0, max: 2 ** 52 - 1 }),
        }),
      ),
    });
    fc.assert(
      fc.property(record, (each) => {
        expect(readRecord(recordWords(each))).toEqual(each);
      }),
    );
  });

  it('refuses words that are none', () => {
    const zero = '0x0000000000000000';
    expect(readRecord(['junk', zero, zero, zero])).toBeNull();
    expect(readRecord(['0x00000000000000ff', zero, zero, zero])).toBeNull();
  });
});
