import { invariant } from '../../base/assert.js';
import { limits } from '../../base/limits.js';
import { logTrouble } from '../trouble.js';
import type { BlockBudget } from './block-budget.js';
import type { ByteSink } from './byte-sink.js';
import { decodeNumbers, type Numbers } from './number-decode.js';
import { encodeNumbers } from './number-encode.js';

/** Texts of one column: per row an index into a table of distinct values; null may be one of them. */
export interface TextColumn {
  readonly is: 'texts';
  readonly ids: Numbers;
  readonly table: readonly (string | null)[];
}

/** As it stands in a block: table in order of first use, number column of indices. */
export type TextWire = readonly [table: readonly (string | null)[], ids: Uint8Array];

/** Collects the rows of one text column; one instance is used again for every column. */
export class TextColumnEncoder {
  #table: (string | null)[] = [];
  readonly #ids = new Map<string | null, number>();
  #last: string | null | undefined;
  #lastId = 0;

  start(): void {
    this.#table = [];
    this.#ids.clear();
    this.#last = undefined;
  }

  id(text: string | null): number {
    if (text === this.#last) return this.#lastId;
    let id = this.#ids.get(text);
    if (id === undefined) {
      if (text !== null) checkText(text);
      id = this.#table.length;
      this.#table.push(text);
      this.#ids.set(text, id);
    }
    this.#last = text;
    this.#lastId = id;
    return id;
  }

  finish(ids: Float64Array, n: number, sink: ByteSink): TextWire {
    sink.budget.addTexts(this.#table, ids, n);
    return [this.#table, encodeNumbers(ids, n, sink)];
  }
}

/** @throws {Trouble} LOG-009, LOG-011 */
export function decodeTexts(wire: unknown, n: number, nullable: boolean, budget: BlockBudget): TextColumn {
  if (
    !Array.isArray(wire) ||
    wire.length !== 2 ||
    !Array.isArray(wire[0]) ||
    !(wire[1] instanceof Uint8Array)
  ) {
    throw logTrouble('LOG-009', 'not a text column');
  }
  const table = wire[0] as unknown[];
  for (const text of table) {
    if (typeof text === 'string' ? text.length > limits.textLength : text !== null || !nullable) {
      throw logTrouble('LOG-009', 'text table holds something else');
    }
  }
  const column: TextColumn = {
    is: 'texts',
    ids: decodeNumbers(wire[1], n, 0, table.length - 1),
    table: table as (string | null)[],
  };
  budget.addTexts(column.table, column.ids, n);
  checkBudget(budget);
  return column;
}

/** @throws {Trouble} LOG-011 */
export function checkBudget(budget: BlockBudget): void {
  const excess = budget.excess();
  if (excess !== null) throw logTrouble('LOG-011', `a block of ${excess}`);
}

const loneSurrogate = /\p{Surrogate}/u;

/** Texts that UTF-8 would change or the reader refuse are our own bug: importers clean theirs. */
export function checkText(text: string): void {
  invariant(text.length <= limits.textLength, `text of ${text.length} characters`);
  invariant(!loneSurrogate.test(text), 'text with a lone surrogate');
}
