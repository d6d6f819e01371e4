import type { DomainId } from '../base/brand.js';
import type { DataOf } from '../events/catalogue.js';
import type { RecordObject } from '../events/field.js';

/** A request as a device model gets it. */
export type DeviceRequest = DataOf<'ioreq.sent'>;

/** What it writes back; `dataHigh` is bits 63:32. Writes are answered with anything. */
export interface DeviceAnswer {
  readonly data: number;
  readonly dataHigh?: number;
  /** Calls into Xen it makes while it works on the request, before it answers. */
  readonly calls?: readonly DeviceCall[];
}

/** A dm_op of a device model about its guest; `domid` is filled in, and `id` when the call is about its own server. */
export interface DeviceCall {
  readonly op: string;
  readonly args: RecordObject;
  readonly server: boolean;
}

/** What reaches a device model beside its requests. */
export type DeviceNews = DataOf<'model.heard'>;

/** A message of a function that has to go on in the device model: through its own port, if it has one. */
export type ForwardedMessage = DataOf<'message.forwarded'>;

/**
 * How a device model fails, from its `after`-th request (0: the first) on.
 * - `slow`: each answer takes a hundred times as long
 * - `stuck`: it claims the request and never answers
 * - `dead`: it never looks at its page again
 * - `scribbler`: it writes a state that does not exist
 */
export interface DeviceFailure {
  readonly how: 'slow' | 'stuck' | 'dead' | 'scribbler';
  readonly after: number;
}

/**
 * A device model as a party of a machine. Which server is its own is learnt from the log: the one whose creation it
 * asked for as `by: 'dm:<name>'`.
 */
export interface DeviceModel {
  readonly name: string;
  /** Trace time from taking a request to its answer. */
  readonly latencyNs: number;
  readonly failure?: DeviceFailure;
  /** Serves one request, in the order they came; keeps what it likes between them. */
  serve(request: DeviceRequest): DeviceAnswer;
  /** Takes news in; what it calls Xen for because of them. */
  hear?(news: DeviceNews): readonly DeviceCall[];
  /** Takes a message of a function in; what it calls Xen for because of it. */
  forward?(message: ForwardedMessage): readonly DeviceCall[];
}

/** An IOREQ server by guest and id. */
export interface ServerName {
  readonly domid: DomainId;
  readonly server: number;
}
