import type { DomainId, EventSeq } from '../base/brand.js';
import type { RecordObject } from '../events/field.js';
import type { Context } from './context.js';

/** One hypercall as a handler sees it. */
export interface Call {
  readonly caller: DomainId;
  readonly op: string;
  readonly args: RecordObject;
  /** The `hypercall.issued` event. */
  readonly seq: EventSeq;
}

/** What the caller gets back: `ret` in the return register, `out` the fields written to its memory. */
export interface Answer {
  readonly ret: number;
  readonly out?: RecordObject;
}

/** Carries out one sub-operation. Errors are negative errnos, never exceptions. */
export type HypercallHandler = (context: Context, call: Call) => Answer;

/**
 * Sub-operations of one hypercall by name; `''` stands for a hypercall without sub-operations, `'*'` for any name not
 * listed where such a call is no plain -ENOSYS.
 */
export type OperationTable = Readonly<Record<string, HypercallHandler>>;

/** An unsigned integer argument; missing or ill-typed counts as 0, the way zeroed guest memory would. */
export function argNumber(args: RecordObject, name: string): number {
  const value = args[name];
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^0x[0-9a-f]{1,16}$/i.test(value) ? Number(value) : 0;
}

/** A nested structure argument; empty when missing. */
export function argRecord(args: RecordObject, name: string): RecordObject {
  const value = args[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RecordObject) : {};
}
