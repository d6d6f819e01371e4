/**
 * Disjoint, non-adjacent, inclusive ranges of integers in ascending order, as two parallel lists: plain data for state
 * slices, and fast to search. The operations are those of Xen's rangeset, including what counts against its limit.
 * @source xen/common/rangeset.c
 */
export interface RangeSet {
  starts: number[];
  ends: number[];
}

/** A range set as deciders see it. */
export interface ReadonlyRangeSet {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export const emptyRangeSet = (): RangeSet => ({ starts: [], ends: [] });

/** Index of the last range that starts at or before `at`; -1 when none does. O(log n). */
export function rangeAt(set: ReadonlyRangeSet, at: number): number {
  const { starts } = set;
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether one stored range holds all of `start..end`. O(log n), no allocation. */
export function containsRange(set: ReadonlyRangeSet, start: number, end: number): boolean {
  const index = rangeAt(set, start);
  return index >= 0 && set.ends[index]! >= end;
}

/** Whether any stored range has a member in `start..end`. O(log n). */
export function overlapsRange(set: ReadonlyRangeSet, start: number, end: number): boolean {
  const index = rangeAt(set, end);
  return index >= 0 && set.ends[index]! >= start;
}

/**
 * Whether adding `start..end`, which overlaps nothing stored, takes a new element of the set: it does unless a range
 * ends right before it. One that only touches the *following* range takes an element first and gives it back when the
 * two merge, so that a full set refuses it.
 */
export function addTakesElement(set: ReadonlyRangeSet, start: number): boolean {
  const before = rangeAt(set, start);
  return before < 0 || set.ends[before]! + 1 !== start;
}

/** Whether removing `start..end`, which one stored range holds, takes a new element: it cuts a hole. */
export function removeTakesElement(set: ReadonlyRangeSet, start: number, end: number): boolean {
  const index = rangeAt(set, start);
  return index >= 0 && set.starts[index]! < start && set.ends[index]! > end;
}

/** Adds `start..end` in place, merging with what it overlaps or touches. O(n). */
export function addRange(set: RangeSet, start: number, end: number): void {
  let first = rangeAt(set, start);
  if (first < 0 || set.ends[first]! + 1 < start) first += 1;
  let next = first;
  let from = start;
  let to = end;
  while (next < set.starts.length && set.starts[next]! <= end + 1) {
    from = Math.min(from, set.starts[next]!);
    to = Math.max(to, set.ends[next]!);
    next += 1;
  }
  set.starts.splice(first, next - first, from);
  set.ends.splice(first, next - first, to);
}

/** Removes `start..end` in place, cutting what it meets. O(n). */
export function removeRange(set: RangeSet, start: number, end: number): void {
  let first = rangeAt(set, start);
  if (first < 0 || set.ends[first]! < start) first += 1;
  let next = first;
  const starts: number[] = [];
  const ends: number[] = [];
  while (next < set.starts.length && set.starts[next]! <= end) {
    if (set.starts[next]! < start) {
      starts.push(set.starts[next]!);
      ends.push(start - 1);
    }
    if (set.ends[next]! > end) {
      starts.push(end + 1);
      ends.push(set.ends[next]!);
    }
    next += 1;
  }
  set.starts.splice(first, next - first, ...starts);
  set.ends.splice(first, next - first, ...ends);
}
