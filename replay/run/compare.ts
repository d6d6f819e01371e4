import type { TraceEvent } from '../../src/events/catalogue.js';

/** The first field in which two events differ. */
export interface FieldDifference {
  /** `kind`, `by`, `cause` or a path inside the payload. */
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** Compares two outcomes of one input; null when they say the same. Time and origin are not compared. */
export function compareOutcomes(expected: TraceEvent, actual: TraceEvent): FieldDifference | null {
  if (expected.kind !== actual.kind) return { field: 'kind', expected: expected.kind, actual: actual.kind };
  if (expected.by !== actual.by) return { field: 'by', expected: expected.by, actual: actual.by };
  if (expected.cause !== actual.cause)
    return { field: 'cause', expected: expected.cause, actual: actual.cause };
  return compareValues(expected.data, actual.data, '');
}

/** Deep comparison of plain data in the order of the expected keys. */
export function compareValues(expected: unknown, actual: unknown, path: string): FieldDifference | null {
  if (expected === actual) return null;
  if (typeof expected !== 'object' || typeof actual !== 'object' || expected === null || actual === null) {
    return { field: path, expected, actual };
  }
  const left = expected as Readonly<Record<string, unknown>>;
  const right = actual as Readonly<Record<string, unknown>>;
  let keys = 0;
  for (const key in left) {
    keys += 1;
    const one = left[key];
    const found = right[key];
    if (one === found) continue;
    // A name from the trace may be one that every object is born with.
    const other = Object.hasOwn(right, key) ? found : undefined;
    const difference = compareValues(one, other, path === '' ? key : `${path}.${key}`);
    if (difference !== null) return difference;
  }
  for (const _ in right) keys -= 1;
  if (keys === 0) return null;
  const extra = Object.keys(right).find((key) => !Object.hasOwn(left, key));
  return {
    field: path === '' ? (extra ?? path) : `${path}.${extra}`,
    expected: undefined,
    actual: right[extra ?? ''],
  };
}
