import type { CfgBase, DomainId, EventSeq, PhysicalAddress } from '../base/brand.js';
import type { FunctionId } from '../pci/function-id.js';
import type { CallerSbdf, Dom0Sbdf, GuestSbdf, XenSbdf } from '../pci/sbdf.js';

/** Values of a `record` field: hypercall arguments and results with the ABI's field names. 64-bit values above 2^53 - 1 are `0x…` texts. */
export type RecordValue = number | string | boolean | null | readonly RecordValue[] | RecordObject;
export interface RecordObject {
  readonly [name: string]: RecordValue;
}

/** How a field is stored and printed. `hex` prints `0x…`, `dec` plain digits. */
export type FieldType =
  | {
      readonly is: 'uint';
      readonly bits: 8 | 16 | 32 | 53;
      readonly print: 'dec' | 'hex';
      /** A domain id: lines for people name the reserved ones. */
      readonly domid?: true;
    }
  | { readonly is: 'int' }
  | { readonly is: 'flag' }
  | { readonly is: 'choice'; readonly values: readonly string[] }
  | { readonly is: 'text' }
  | { readonly is: 'sbdf'; readonly numbering: 'xen' | 'dom0' | 'guest' | 'caller' }
  | { readonly is: 'function' }
  | {
      readonly is: 'record';
      /** Register values by offset: both print `0x…`. */
      readonly registers?: true;
    };

/** One field of an event kind; `T` exists for the compiler only. */
export interface Field<T = unknown> {
  readonly type: FieldType;
  readonly nullable: boolean;
  readonly doc: string;
  readonly value?: T;
}

const field = <T>(type: FieldType, doc: string): Field<T> => ({ type, nullable: false, doc });

/** The same field where "nobody" or "nothing" is an answer. */
export const orNull = <T>(f: Field<T>): Field<T | null> => ({ type: f.type, nullable: true, doc: f.doc });

export const count = (doc: string): Field<number> => field({ is: 'uint', bits: 53, print: 'dec' }, doc);
export const u8 = (doc: string): Field<number> => field({ is: 'uint', bits: 8, print: 'dec' }, doc);
export const u16 = (doc: string): Field<number> => field({ is: 'uint', bits: 16, print: 'dec' }, doc);
export const u32 = (doc: string): Field<number> => field({ is: 'uint', bits: 32, print: 'dec' }, doc);
/** Register value or data of at most 32 bits. */
export const reg32 = (doc: string): Field<number> => field({ is: 'uint', bits: 32, print: 'hex' }, doc);
/** Address or other wide number up to 2^53 - 1, printed in hex. */
export const address = (doc: string): Field<PhysicalAddress> =>
  field({ is: 'uint', bits: 53, print: 'hex' }, doc);
export const cfgBase = (doc: string): Field<CfgBase> => field({ is: 'uint', bits: 53, print: 'hex' }, doc);
export const domid = (doc: string): Field<DomainId> =>
  field({ is: 'uint', bits: 16, print: 'dec', domid: true }, doc);
export const eventSeq = (doc: string): Field<EventSeq> => field({ is: 'uint', bits: 53, print: 'dec' }, doc);
/** Signed integer up to 53 bits: hypercall results, errnos. */
export const int = (doc: string): Field<number> => field({ is: 'int' }, doc);
export const flag = (doc: string): Field<boolean> => field({ is: 'flag' }, doc);
export const choice = <const V extends readonly string[]>(values: V, doc: string): Field<V[number]> =>
  field({ is: 'choice', values }, doc);
/** Short text from a small set: names, paths, reasons; stored through a dictionary. */
export const text = (doc: string): Field<string> => field({ is: 'text' }, doc);
export const xenSbdf = (doc: string): Field<XenSbdf> => field({ is: 'sbdf', numbering: 'xen' }, doc);
export const dom0Sbdf = (doc: string): Field<Dom0Sbdf> => field({ is: 'sbdf', numbering: 'dom0' }, doc);
export const guestSbdf = (doc: string): Field<GuestSbdf> => field({ is: 'sbdf', numbering: 'guest' }, doc);
export const callerSbdf = (doc: string): Field<CallerSbdf> => field({ is: 'sbdf', numbering: 'caller' }, doc);
export const functionField = (doc: string): Field<FunctionId> => field({ is: 'function' }, doc);
export const record = (doc: string): Field<RecordObject> => field({ is: 'record' }, doc);
/** Register values by offset. */
export const registers = (doc: string): Field<RecordObject> => field({ is: 'record', registers: true }, doc);

/** An input could not be known in advance; an outcome follows from state and input. */
export type Role = 'input' | 'outcome';

/** One event kind as data. */
export interface Kind<
  R extends Role = Role,
  F extends Readonly<Record<string, Field>> = Readonly<Record<string, Field>>,
> {
  readonly role: R;
  readonly doc: string;
  readonly fields: F;
}

export const input = <F extends Readonly<Record<string, Field>>>(
  doc: string,
  fields: F,
): Kind<'input', F> => ({
  role: 'input',
  doc,
  fields,
});

export const outcome = <F extends Readonly<Record<string, Field>>>(
  doc: string,
  fields: F,
): Kind<'outcome', F> => ({
  role: 'outcome',
  doc,
  fields,
});
