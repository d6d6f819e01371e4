import type { PastedLine } from '../paste/line.js';
import type { Spoken } from '../paste/prefix.js';

/** Reads one kind of line out of a text that may hold many kinds. */
export interface LineReader {
  /** What its lines are counted as, in the plural. */
  readonly kind: string;
  /** The format of a file that holds nothing else. */
  readonly format: string;
  /** @returns Whether the line was one of its own; then nobody else is asked. */
  take(line: PastedLine, said: Spoken): boolean;
  /** The text broke off: an empty line, a command, another part. What was under way is complete. */
  pause(why: 'blank' | 'break'): void;
}
