import type { Prng } from '../../src/base/prng.js';
import type { Workshop } from './workshop.js';

/** One way to maltreat the program. */
export interface TortureClass {
  /** As tokens and `--class` name it. */
  readonly name: string;
  /** What is done, in a few words, for lists. */
  readonly doc: string;
  /** How many tries it has for one of the others in a campaign bounded by tries; 1 unless they are slow. */
  readonly share?: number;
  /** Whether the harness itself keeps so much that its memory says nothing about the program. */
  readonly keepsMuch?: true;
  /** Makes one try; everything that is drawn is drawn here, so that a token gives the same try again. */
  prepare(prng: Prng, workshop: Workshop): Trial | Promise<Trial>;
}

/** One try: input that was made, and what is asked of the program. */
export interface Trial {
  /** What was changed, for people. */
  readonly about: string;
  /** The files it is about, kept when it fails. */
  readonly inputs: Readonly<Record<string, Uint8Array>>;
  /** What went wrong; null when it survived. */
  run(): string | null | Promise<string | null>;
}
