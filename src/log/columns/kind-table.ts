import { catalogue, type KindName } from '../../events/catalogue.js';
import type { Field } from '../../events/field.js';
import { logTrouble } from '../trouble.js';
import { ConstantColumn } from '../upcasters.js';
import type { BlockBudget } from './block-budget.js';
import type { Column, NumberColumn } from './column.js';
import { decodeNumbers, type Numbers } from './number-decode.js';
import { decodeAny } from './record-decode.js';
import { valueTag } from './record-encode.js';
import { buildRows } from './row-builder.js';
import { decodeTexts, type TextColumn } from './text-column.js';

interface FileField {
  readonly type: string;
  readonly column: unknown;
}

/** The events of one kind in one block: a column per field, decoded when first asked for. */
export class KindTable {
  readonly kind: KindName;
  readonly count: number;
  readonly #wires: ReadonlyMap<string, FileField>;
  readonly #columns = new Map<string, Column>();
  readonly #budget: BlockBudget;

  constructor(kind: KindName, count: number, wires: ReadonlyMap<string, FileField>, budget: BlockBudget) {
    this.kind = kind;
    this.count = count;
    this.#wires = wires;
    this.#budget = budget;
  }

  /**
   * The column of one field of this kind, a row per event of the kind in order.
   * @throws {Trouble} LOG-008, LOG-009, LOG-011
   */
  column(name: string): Column {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = this.#decode(name);
      this.#columns.set(name, column);
    }
    return column;
  }

  check(): void {
    for (const name of Object.keys(catalogue[this.kind].fields)) this.column(name);
  }

  /** Payloads as objects. @cost About 20 ns each, and what record fields cost. */
  rows(): object[] {
    const columns = Object.keys(catalogue[this.kind].fields).map((name) => this.column(name));
    return buildRows(this.kind, columns, this.count);
  }

  #decode(name: string): Column {
    const fields: Readonly<Record<string, Field>> = catalogue[this.kind].fields;
    const field = fields[name]!;
    const wire = this.#wires.get(name)?.column ?? new ConstantColumn(null);
    if (wire instanceof ConstantColumn) return this.#constant(field, wire);
    switch (field.type.is) {
      case 'text':
      case 'choice': {
        const column = decodeTexts(wire, this.count, field.nullable, this.#budget);
        if (field.type.is === 'choice') checkChoices(`${this.kind}.${name}`, field.type.values, column);
        return column;
      }
      case 'record': {
        const column = decodeAny(wire, this.count, this.#budget);
        for (let i = 0; i < this.count; i++) {
          const tag = column.tags[i];
          if (tag !== valueTag.object && !(tag === valueTag.null && field.nullable)) {
            throw logTrouble('LOG-009', 'record field holds no record');
          }
        }
        return { is: 'records', values: column };
      }
      case 'flag':
        return this.#numbers(wire, field, 0, 1);
      case 'int':
        return this.#numbers(wire, field, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      case 'uint':
        return this.#numbers(wire, field, 0, 2 ** field.type.bits - 1);
      default:
        return this.#numbers(wire, field, 0, Number.MAX_SAFE_INTEGER);
    }
  }

  #numbers(wire: unknown, field: Field, low: number, high: number): NumberColumn {
    if (!Array.isArray(wire) || wire.length !== 2) throw logTrouble('LOG-009', 'not a number column');
    const [presence, bytes] = wire as unknown[];
    if (!(bytes instanceof Uint8Array)) throw logTrouble('LOG-009', 'not a number column');
    if (presence === null) return { is: 'numbers', values: decodeNumbers(bytes, this.count, low, high) };
    if (!(presence instanceof Uint8Array)) throw logTrouble('LOG-009', 'not a presence column');
    if (!field.nullable) throw logTrouble('LOG-009', 'null in a field that has none');
    const present = decodeNumbers(presence, this.count, 0, 1);
    return {
      is: 'numbers',
      values: spread(present, this.count, (n) => decodeNumbers(bytes, n, low, high)),
    };
  }

  #constant(field: Field, { value }: ConstantColumn): Column {
    switch (field.type.is) {
      case 'text':
      case 'choice':
        return { is: 'texts', ids: new Uint8Array(this.count), table: [value as string | null] };
      case 'record': {
        const tags = new Uint8Array(this.count);
        return {
          is: 'records',
          values: {
            n: this.count,
            tags,
            numbers: new Uint8Array(0),
            texts: null,
            objects: null,
            arrays: null,
          },
        };
      }
      default:
        return {
          is: 'numbers',
          values: new Float64Array(this.count).fill(value === null ? Number.NaN : Number(value)),
        };
    }
  }
}

/** One value per row from those of the rows that have one. */
function spread(present: Numbers, n: number, decode: (count: number) => Numbers): Float64Array {
  let count = 0;
  for (let i = 0; i < n; i++) count += present[i]!;
  const dense = decode(count);
  const out = new Float64Array(n).fill(Number.NaN);
  if (count > 0) for (let i = 0, at = 0; i < n; i++) if (present[i] === 1) out[i] = dense[at++]!;
  return out;
}

function checkChoices(name: string, choices: readonly string[], column: TextColumn): void {
  for (const text of column.table) {
    if (text !== null && !choices.includes(text)) {
      throw logTrouble('LOG-008', `${name} = ${JSON.stringify(text)}`, { expected: choices.join(', ') });
    }
  }
}
