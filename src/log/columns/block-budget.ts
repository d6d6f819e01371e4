import { limits } from '../../base/limits.js';
import { arrayIndex, gapSlots } from '../document-weight.js';

/**
 * What the columns of one block become when events are made of them. A few bytes can say a million values (constant
 * columns, lengths of arrays) or gigabytes of text (a long one that many events have), so both are counted before
 * they are made. Writers count too and end a block before it has more than readers take.
 */
export class BlockBudget {
  #values = 0;
  #characters = 0;

  reset(): void {
    this.#values = 0;
    this.#characters = 0;
  }

  /** Values of records, on every level. */
  addValues(count: number): void {
    this.#values += count;
  }

  /** Objects that have these keys: numeric ones cost places that nothing stands in. */
  addObjects(keys: readonly string[], count: number): void {
    const highest = keys.reduce((most, key) => Math.max(most, arrayIndex(key)), -1);
    this.#values += gapSlots(highest) * count;
  }

  /** A column of texts. Columns that are short however they are read cost nothing, so most are not looked at. */
  addTexts(table: readonly (string | null)[], ids: ArrayLike<number>, rows: number): void {
    const longest = table.reduce((most, text) => Math.max(most, text?.length ?? 0), 0);
    if (longest * rows <= shortColumn) return;
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += table[ids[i]!]?.length ?? 0;
    this.#characters += sum;
  }

  /** What there is too much of, as a text; null when all is within the limits. */
  excess(): string | null {
    if (this.#values > limits.blockRecordValues) return `more than ${limits.blockRecordValues} record values`;
    if (this.#characters > limits.blockTextCharacters)
      return `texts of more than ${limits.blockTextCharacters} characters`;
    return null;
  }
}

/** Characters: 4,096 names of 16. */
const shortColumn = 1 << 16;
