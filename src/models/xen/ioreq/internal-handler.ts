import type { Context } from '../../context.js';
import type { ReadonlyGuest, Requested } from './guest.js';

/** What a part of Xen made of an access; `value` null: it answers, with a value xpr does not model. */
export interface InternalAnswer {
  readonly value: number | null;
  readonly valueHigh: number | null;
  /** ARM: the access was refused and a data abort goes to the guest. */
  readonly abort?: true;
}

/**
 * A part of Xen that answers guest accesses before device models see them. The first of matching kind that accepts is
 * asked; when it declines, the access goes on as a single repetition.
 * @source facts/xen 4.5
 */
export interface InternalHandler {
  /** As `io.completed.handledBy` names it. */
  readonly name: string;
  readonly space: 'port' | 'mem';
  /** `crash`: it takes the first byte but not the last, which ends the domain. */
  accepts(context: Context, guest: ReadonlyGuest, access: Requested): boolean | 'crash';
  /** Null declines. */
  handle(context: Context, guest: ReadonlyGuest, access: Requested): InternalAnswer | null;
}
