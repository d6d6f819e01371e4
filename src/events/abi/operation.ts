import type { RecordObject } from '../field.js';
import { decodeStruct, encodeStruct, type StructLayout } from './struct.js';

/** One sub-operation of a hypercall: its number and the structure its argument points to (null: no argument). */
export interface Operation {
  readonly nr: number;
  readonly arg: StructLayout | null;
  /** Layouts that replace `arg` by the value of one of its fields: unions whose member a field selects. */
  readonly variants?: { readonly selector: string; readonly by: Readonly<Record<number, StructLayout>> };
}

export type OperationTable = Readonly<Record<string, Operation>>;

/** Reads the argument of an operation; `at` is where its structure starts in `bytes`. */
export function decodeArgument(op: Operation, bytes: Uint8Array, at = 0): RecordObject {
  if (op.arg === null) return {};
  const record = decodeStruct(op.arg, bytes, at);
  const variant = variantOf(op, record);
  return variant === undefined ? record : decodeStruct(variant, bytes, at);
}

/** Writes the argument of an operation; empty when it has none. */
export function encodeArgument(op: Operation, record: RecordObject): Uint8Array {
  return op.arg === null ? new Uint8Array(0) : encodeStruct(variantOf(op, record) ?? op.arg, record);
}

/** The layout that the argument's selector chooses; undefined for operations of one layout. */
export function variantOf(op: Operation, record: RecordObject): StructLayout | undefined {
  if (op.variants === undefined) return undefined;
  const key = record[op.variants.selector];
  return typeof key === 'number' && Object.hasOwn(op.variants.by, key) ? op.variants.by[key] : undefined;
}

const byNumber = new WeakMap<OperationTable, ReadonlyMap<number, string>>();

/** Name of sub-operation `nr`, `#nr` when it has none. */
export function operationName(table: OperationTable, nr: number): string {
  let names = byNumber.get(table);
  if (names === undefined) {
    names = new Map(Object.entries(table).map(([name, op]) => [op.nr, name]));
    byNumber.set(table, names);
  }
  return names.get(nr) ?? `#${nr}`;
}
