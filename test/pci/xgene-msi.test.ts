import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  xgene,
  xgeneFirstVector,
  xgeneFrameOffset,
  xgeneHit,
  xgeneMessage,
  xgenePlace,
  xgeneVector,
} from '../../src/pci/xgene-msi.js';

const BASE = 0x79000000;

describe('X-Gene v1 termination frames (facts/arm-msi-iommu 5.2)', () => {
  it.each([
    [0, 0x000000, 0],
    [1, 0x080000, 0],
    [16, 0x000000, 1],
    [255, 0x780000, 15],
    [256, 0x010000, 0],
    [291, 0x190000, 2],
    [2047, 0x7f0000, 15],
  ])('vector %i is written to +%i with data %i', (vector, offset, data) => {
    expect(xgeneMessage(BASE, vector)).toEqual({ addressLow: BASE + offset, addressHigh: 0, data });
  });

  it('every vector has a place of its own and comes back from it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: xgene.vectors - 1 }), (vector) => {
        const place = xgenePlace(vector);
        expect(xgeneVector(place)).toBe(vector);
        expect(xgeneHit(xgeneFrameOffset(place), place.bit)).toEqual(place);
      }),
    );
  });

  it('there is no vector beyond 2047 and no bit beyond 15', () => {
    expect([xgeneMessage(BASE, 2048), xgeneHit(0x800000, 0), xgeneHit(0, 16)]).toEqual([null, null, null]);
  });

  it('with eight processors an interrupt owns eight vectors, one frame each', () => {
    const frames = [16, 17, 18, 19, 20, 21, 22, 23].map((vector) => xgeneFrameOffset(xgenePlace(vector)));
    expect(new Set(frames).size).toBe(8);
    expect([16, 19, 23].map((vector) => xgeneFirstVector(vector, 8))).toEqual([16, 16, 16]);
  });
});
