import type { DomainId, EventSeq } from '../../../base/brand.js';
import type { DataOf } from '../../../events/catalogue.js';
import type { ReadonlyWorld } from '../../../state/world.js';
import type { Context } from '../../context.js';

export type ReadonlyGuest = ReadonlyWorld['ioreq'][number];
export type ReadonlyServer = NonNullable<ReadonlyGuest['servers'][number]>;

/** The I/O side of a domain; undefined for an unknown or PV domain. */
export const guestOf = (context: Context, domid: DomainId): ReadonlyGuest | undefined =>
  context.state.ioreq[domid];

/** An IOREQ server by id; null when there is none, ids above 7 included. */
export const serverOf = (guest: ReadonlyGuest, id: number): ReadonlyServer | null =>
  guest.servers[id] ?? null;

/** Stops a domain the way `domain_crash` does: every virtual CPU pauses, whatever it waited for. */
export function crashDomain(context: Context, domid: DomainId, why: string, cause?: EventSeq): void {
  if (guestOf(context, domid)?.stopped !== null) return;
  context.emit('xen', 'domain.stopped', { domid, reason: 'crash', why }, cause);
}

/** An access with the place of its event in the log. */
export type Requested = DataOf<'io.requested'> & { readonly seq: EventSeq };

/** Low and high half of a value cut to `size` bytes. */
export function cut(low: number, high: number, size: number): readonly [number, number] {
  if (size >= 8) return [low >>> 0, high >>> 0];
  return [size >= 4 ? low >>> 0 : low & (2 ** (8 * size) - 1), 0];
}
