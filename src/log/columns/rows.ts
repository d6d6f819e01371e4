import type { Numbers } from './number-decode.js';

/** Makes the payload objects of one kind from its columns, in catalogue order. */
export type RowBuilder = (columns: readonly ColumnParts[], count: number) => object[];

/** What a builder reads of a column: numbers or indices, and for texts and records the values themselves. */
export interface ColumnParts {
  readonly numbers: Numbers;
  readonly values: readonly unknown[];
}
