import type { Prng } from '../../src/base/prng.js';

/** What became of one try: it survived with an answer or with a coded error, or it failed, and why. */
export type Verdict =
  | { readonly survived: true; readonly how: 'answered' | 'refused' }
  | { readonly survived: false; readonly why: string };

export const answered: Verdict = { survived: true, how: 'answered' };
export const refused: Verdict = { survived: true, how: 'refused' };
export const failed = (why: string): Verdict => ({ survived: false, why });

/** What a try may use. */
export interface Tools {
  /** Seeded for this very try: the same token draws the same numbers. */
  readonly prng: Prng;
  /** An empty folder for the files of this try. */
  readonly folder: string;
}

/** One way to do harm. */
export interface TortureClass {
  readonly name: string;
  /** What is done, and what it must not lead to. */
  readonly doc: string;
  /** Prepares what all tries share, once for a process. */
  prepare(): (tools: Tools) => Promise<Verdict> | Verdict;
}
