import type { TraceReader } from '../../src/log/reader.js';
import type { Env } from '../../src/state/env.js';

/** One side of a comparison. */
export interface Side {
  readonly reader: TraceReader;
  readonly env: Env;
}

/** A stretch in which the traces differ: places from (inclusive) to (exclusive) on each side. */
export interface Island {
  readonly aFrom: number;
  readonly aTo: number;
  readonly bFrom: number;
  readonly bTo: number;
  /** Whether the states differ behind it; null for islands beyond the first few hundred. */
  readonly lasting: boolean | null;
  /** The input on each side that the first differing event follows from. */
  readonly root: { readonly a: number | null; readonly b: number | null };
}
