import type { Teller } from '../../src/events/kind.js';
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
  /** Who can tell it apart, by the kinds of the events in it. */
  readonly told: readonly Teller[];
  /** How many events of each side count in it. */
  readonly events: { readonly a: number; readonly b: number };
  /** The first of them in words; null for islands beyond the first few hundred. */
  readonly says: { readonly a: readonly Said[]; readonly b: readonly Said[] } | null;
  /** The input on each side that the first differing event follows from. */
  readonly root: { readonly a: number | null; readonly b: number | null };
}

/** An event in words. */
export interface Said {
  readonly seq: number;
  readonly kind: string;
  readonly text: string;
}
