import type { Field } from '../../events/field.js';
import type { ColumnParts, RowBuilder } from './rows.js';

/** The same objects as of `rows-compiled.ts`, without code made at run time: for a page, whose policy forbids that. */
export function rowBuilder(_kind: string, declared: Readonly<Record<string, Field>>): RowBuilder {
  const names = Object.keys(declared);
  const reads = Object.values(declared).map(readerOf);
  return (columns, count) => {
    const rows: Record<string, unknown>[] = Array.from({ length: count }, () => ({}));
    // Column by column, so that all rows get their fields in one order and have one shape.
    for (const [k, name] of names.entries()) {
      const column = columns[k]!;
      const read = reads[k]!;
      for (let i = 0; i < count; i++) rows[i]![name] = read(column, i);
    }
    return rows;
  };
}

type Read = (column: ColumnParts, row: number) => unknown;

function readerOf({ type, nullable }: Field): Read {
  switch (type.is) {
    case 'text':
    case 'choice':
      return ({ numbers, values }, row) => values[numbers[row]!];
    case 'record':
      return ({ values }, row) => values[row];
    case 'flag':
      return nullable
        ? ({ numbers }, row) => orNull(numbers[row]!, numbers[row] === 1)
        : ({ numbers }, row) => numbers[row] === 1;
    default:
      return nullable
        ? ({ numbers }, row) => orNull(numbers[row]!, numbers[row])
        : ({ numbers }, row) => numbers[row];
  }
}

/** NaN, the only number that differs from itself, stands for null. */
const orNull = (stored: number, value: unknown): unknown => (Number.isNaN(stored) ? null : value);
