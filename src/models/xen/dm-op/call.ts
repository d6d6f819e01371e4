import type { DomainId } from '../../../base/brand.js';
import { type ErrnoName, errno } from '../../../base/errno.js';
import { words } from '../../../events/abi/struct.js';
import type { RecordObject } from '../../../events/field.js';
import type { Context } from '../../context.js';
import { type Answer, argNumber, type Call } from '../../hypercall.js';
import type { ReadonlyGuest } from '../ioreq/guest.js';

/** One device-model operation that passed the envelope's checks. */
export interface DmCall extends Call {
  /** The guest it is about. */
  readonly domid: DomainId;
  readonly guest: ReadonlyGuest;
  /** Bytes of each buffer; buffer 0 is the operation itself. */
  readonly bufferBytes: readonly number[];
}

export type DmHandler = (context: Context, call: DmCall) => Answer;

/** A handler with the architectures that know the operation. */
export interface DmOperation {
  readonly arch: 'x86' | 'arm' | 'both';
  readonly run: DmHandler;
}

export type DmOperations = Readonly<Record<string, DmOperation>>;

export const fail = (name: ErrnoName): Answer => ({ ret: -errno[name] });
export const done: Answer = { ret: 0 };

/** Whether any of the named padding fields, single or lists, is not zero. */
export function padded(args: RecordObject, ...names: readonly string[]): boolean {
  return names.some((name) => {
    const value = args[name];
    return Array.isArray(value) ? value.some((one) => one !== 0) : argNumber(args, name) !== 0;
  });
}

/** Numbers above this are stored as it: guest addresses end at 2^52, so only what nobody can reach is affected. */
const TOP = Number.MAX_SAFE_INTEGER;

/** A 64-bit argument, exact up to 2^53 - 1. */
export function arg64(args: RecordObject, name: string): number {
  const [low, high] = words(args[name]);
  return high >= 0x20_0000 ? TOP : high * 0x1_0000_0000 + low;
}

/** Compares two 64-bit arguments exactly: negative, zero or positive. */
export function compare64(args: RecordObject, a: string, b: string): number {
  const [aLow, aHigh] = words(args[a]);
  const [bLow, bHigh] = words(args[b]);
  return aHigh === bHigh ? aLow - bLow : aHigh - bHigh;
}
