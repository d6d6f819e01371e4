/** Page frames, both ends inclusive. */
export interface FrameRange {
  readonly first: number;
  readonly last: number;
}

/** Frames are 52 bits wide: exact in a number. */
const FRAME_LIMIT = 2 ** 52;

/** The frame of a split 64-bit address. */
const frameOf = (lo: number, hi: number): number => hi * 0x10_0000 + (lo >>> 12);

/** Frames of `[address, address + size)`; null when the range is empty or passes the end of the address space. */
export function framesOf(lo: number, hi: number, sizeLo: number, sizeHi: number): FrameRange | null {
  if (sizeLo === 0 && sizeHi === 0) return null;
  // Size minus one, then a 64-bit addition on halves.
  const lessLo = sizeLo === 0 ? 0xffff_ffff : sizeLo - 1;
  const lessHi = sizeLo === 0 ? sizeHi - 1 : sizeHi;
  const sumLo = lo + lessLo;
  const endHi = hi + lessHi + (sumLo > 0xffff_ffff ? 1 : 0);
  const last = frameOf(sumLo >>> 0, endHi);
  const first = frameOf(lo, hi);
  return endHi > 0xffff_ffff || last >= FRAME_LIMIT ? null : { first, last };
}

export const overlaps = (a: FrameRange, b: FrameRange): boolean => a.first <= b.last && b.first <= a.last;

/** `rangeset_remove_range`: what is left of disjoint ranges. @source facts/xen 11.2 */
export function withoutFrames(ranges: readonly FrameRange[], hole: FrameRange): FrameRange[] {
  return ranges.flatMap((range) => {
    if (!overlaps(range, hole)) return [range];
    const left: FrameRange[] = [];
    if (range.first < hole.first) left.push({ first: range.first, last: hole.first - 1 });
    if (range.last > hole.last) left.push({ first: hole.last + 1, last: range.last });
    return left;
  });
}
