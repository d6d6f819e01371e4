declare const brand: unique symbol;

/** A value of `T` that only one kind of maker can produce; two brands of one `T` do not mix. No cost at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Position of an event in its log, from 0, without gaps. */
export type EventSeq = Brand<number, 'EventSeq'>;

/** Nanoseconds since the start of the trace; an integer, at most 2^53 - 1. */
export type TraceNs = Brand<number, 'TraceNs'>;

/** Xen's `domid_t` (u16). @source facts/xen 1.4 */
export type DomainId = Brand<number, 'DomainId'>;

/** Host physical address; at most 52 bits. */
export type PhysicalAddress = Brand<number, 'PhysicalAddress'>;

/** First byte of a host bridge's configuration window: what identifies a bridge whatever its segment is called. */
export type CfgBase = Brand<number, 'CfgBase'>;
