import { describe, expect, it } from 'vitest';
import { l1Span, steWords } from '../../../src/models/hardware/smmu/stream-table.js';

describe('stream table entries (facts/arm-msi-iommu 6.1)', () => {
  it.each([
    ['abort', '0x0000000000000001'],
    ['bypass', '0x0000000000000009'],
    ['stage2', '0x000000000000000d'],
  ] as const)('D0 of %s', (config, d0) => {
    expect(steWords(config)[0]).toBe(d0);
  });

  it('stage 2 has VMID in 15:0, VTCR in 50:32, AArch64, PTW and S2R, and the table base in D3', () => {
    const [, , d2, d3] = steWords('stage2', { vmid: 2, vtcr: 0x1_3558, tableBase: 0x1_2345_6780 });
    expect(d2).toBe('0x0449355800000002');
    expect(d3).toBe('0x0000000123456780');
  });

  it('a second level of 256 entries has span 9; 0 is none', () => {
    expect([l1Span(true), l1Span(false)]).toEqual([9, 0]);
  });
});
