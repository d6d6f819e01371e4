import type { Numbers } from './number-decode.js';
import type { AnyColumn } from './record-decode.js';
import type { TextColumn } from './text-column.js';

/** Numbers and flags (0 and 1); NaN where the field is null, which is in doubles then. */
export interface NumberColumn {
  readonly is: 'numbers';
  readonly values: Numbers;
}

export interface RecordColumn {
  readonly is: 'records';
  readonly values: AnyColumn;
}

export type Column = NumberColumn | TextColumn | RecordColumn;
