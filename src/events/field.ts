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
      /** What the number is, where it is more than an amount; lines for people show it so. */
      readonly of?: NumberMeaning;
    }
  | {
      readonly is: 'int';
      /** A negative one is an errno of Xen or Linux, but for one number that is just that. */
      readonly errno?: { readonly but: number | null };
    }
  | { readonly is: 'flag' }
  | { readonly is: 'choice'; readonly values: readonly string[] }
  | {
      readonly is: 'text';
      /** Names of devices stand in it, in this numbering. */
      readonly names?: Numbering;
      /** The name of a connection to XenStore. */
      readonly connection?: true;
    }
  | { readonly is: 'sbdf'; readonly numbering: Numbering }
  | { readonly is: 'function' }
  | {
      readonly is: 'record';
      /** Register values by offset: both print `0x…`. */
      readonly registers?: true;
      /** Arguments of a hypercall, in the numbering of its caller; or texts with names of devices in Dom0's. */
      readonly names?: 'call' | 'dom0';
    };

/** In whose numbering a name stands; `caller`: that of the domain in `domid`. */
export type Numbering = 'xen' | 'dom0' | 'guest' | 'caller';

export type NumberMeaning =
  /** A domain id: lines for people name the reserved ones. */
  | { readonly is: 'domid' }
  /** The place of another event of the trace. */
  | { readonly is: 'place' }
  /** Offset of a register. */
  | { readonly is: 'register' }
  /** A segment, in the numbering of Xen, of Dom0 or of whoever `by` names. */
  | { readonly is: 'segment'; readonly numbering: 'xen' | 'dom0' | 'by' }
  /** The name of a function in the guest, where `type` is `pci`. */
  | { readonly is: 'guest-name-if-pci' };

/** One field of an event kind; `T` exists for the compiler only. */
export interface Field<T = unknown> {
  readonly type: FieldType;
  readonly nullable: boolean;
  readonly doc: string;
  /** It holds nothing but a number somebody gave to a thing, or how he came by it: it does not tell things apart. */
  readonly given?: true;
  readonly value?: T;
}

export type Fields = Readonly<Record<string, Field>>;

const field = <T>(type: FieldType, doc: string): Field<T> => ({ type, nullable: false, doc });

/** The same field where "nobody" or "nothing" is an answer. */
export const orNull = <T>(f: Field<T>): Field<T | null> => ({ ...f, nullable: true });

/** The same field where it is the very number somebody gives or takes back, or how he came by it. */
export const given = <T>(f: Field<T>): Field<T> => ({ ...f, given: true });

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
  field({ is: 'uint', bits: 16, print: 'dec', of: { is: 'domid' } }, doc);
/** The place of another event. */
export const eventSeq = (doc: string): Field<EventSeq> =>
  field({ is: 'uint', bits: 53, print: 'dec', of: { is: 'place' } }, doc);
/** Offset of a register in configuration space, in bytes. */
export const registerOffset = (bits: 16 | 32, doc: string): Field<number> =>
  field({ is: 'uint', bits, print: 'dec', of: { is: 'register' } }, doc);
/** A segment number. */
export const segment = (bits: 16 | 32, numbering: 'xen' | 'dom0' | 'by', doc: string): Field<number> =>
  field({ is: 'uint', bits, print: 'dec', of: { is: 'segment', numbering } }, doc);
/** First or last port, address or, where `type` is `pci`, name of a function in the guest. */
export const rangeEnd = (doc: string): Field<PhysicalAddress> =>
  field({ is: 'uint', bits: 53, print: 'hex', of: { is: 'guest-name-if-pci' } }, doc);
/** Signed integer up to 53 bits. */
export const int = (doc: string): Field<number> => field({ is: 'int' }, doc);
/** Result of a call: 0 or more, or a negative errno. */
export const errnoField = (doc: string, but: number | null = null): Field<number> =>
  field({ is: 'int', errno: { but } }, doc);
export const flag = (doc: string): Field<boolean> => field({ is: 'flag' }, doc);
export const choice = <const V extends readonly string[]>(values: V, doc: string): Field<V[number]> =>
  field({ is: 'choice', values }, doc);
/** Short text from a small set: names, paths, reasons; stored through a dictionary. */
export const text = (doc: string): Field<string> => field({ is: 'text' }, doc);
/** A text in which names of devices stand. */
export const namingText = (names: Numbering, doc: string): Field<string> => field({ is: 'text', names }, doc);
/** Name of a connection to XenStore. */
export const connection = (doc: string): Field<string> => field({ is: 'text', connection: true }, doc);
export const xenSbdf = (doc: string): Field<XenSbdf> => field({ is: 'sbdf', numbering: 'xen' }, doc);
export const dom0Sbdf = (doc: string): Field<Dom0Sbdf> => field({ is: 'sbdf', numbering: 'dom0' }, doc);
export const guestSbdf = (doc: string): Field<GuestSbdf> => field({ is: 'sbdf', numbering: 'guest' }, doc);
export const callerSbdf = (doc: string): Field<CallerSbdf> => field({ is: 'sbdf', numbering: 'caller' }, doc);
export const functionField = (doc: string): Field<FunctionId> => field({ is: 'function' }, doc);
export const record = (doc: string): Field<RecordObject> => field({ is: 'record' }, doc);
/** A record in whose texts names of devices stand, or the arguments of a hypercall. */
export const namingRecord = (names: 'call' | 'dom0', doc: string): Field<RecordObject> =>
  field({ is: 'record', names }, doc);
/** Register values by offset. */
export const registers = (doc: string): Field<RecordObject> => field({ is: 'record', registers: true }, doc);
