/** Inclusive ranges in ascending order, apart by at least one number: Xen's rangeset. @source facts/xen 4.3, 11.2 */
export type Ranges = [first: number, last: number][];

/** Adds a range in place; touching and overlapping ranges become one. O(n). */
export function addRange(ranges: Ranges, first: number, last: number): void {
  let [from, to] = [first, last];
  const kept: Ranges = [];
  for (const range of ranges) {
    if (range[1] < first - 1 || range[0] > last + 1) kept.push(range);
    else {
      from = Math.min(from, range[0]);
      to = Math.max(to, range[1]);
    }
  }
  kept.push([from, to]);
  ranges.splice(0, ranges.length, ...kept.sort((a, b) => a[0] - b[0]));
}

/** Takes a range out in place; what sticks out on either side stays. O(n). */
export function removeRange(ranges: Ranges, first: number, last: number): void {
  const kept: Ranges = [];
  for (const [from, to] of ranges) {
    if (to < first || from > last) kept.push([from, to]);
    else {
      if (from < first) kept.push([from, first - 1]);
      if (to > last) kept.push([last + 1, to]);
    }
  }
  ranges.splice(0, ranges.length, ...kept);
}

/** Whether one range holds all of [first, last]. */
export const containsRange = (
  ranges: readonly (readonly [number, number])[],
  first: number,
  last: number,
): boolean => ranges.some(([from, to]) => from <= first && last <= to);

/** Whether any number of [first, last] is in the set. */
export const overlapsRange = (
  ranges: readonly (readonly [number, number])[],
  first: number,
  last: number,
): boolean => ranges.some(([from, to]) => from <= last && first <= to);
