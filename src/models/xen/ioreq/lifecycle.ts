import type { DomainId } from '../../../base/brand.js';
import type { Context } from '../../context.js';
import { guestOf, serverOf } from './guest.js';

/**
 * Destroys a server: it lets go of the memory type, is disabled and loses its event channels. A virtual CPU that waits
 * for it stays blocked, because closing Xen's end of a channel wakes nobody; a later notification through another
 * server's channel of the same virtual CPU does.
 * @source facts/xen 4.3; xen/common/ioreq.c (ioreq_server_destroy), xen/common/event_channel.c (evtchn_close)
 */
export function destroyServer(context: Context, domid: DomainId, id: number): void {
  const guest = guestOf(context, domid);
  const server = guest === undefined ? null : serverOf(guest, id);
  if (guest === undefined || server === null) return;
  const waiting = Object.entries(server.slots).filter(([, slot]) => slot.pending);
  if (guest.memServer === id) context.emit('xen', 'memtype.claimed', { domid, server: null });
  if (server.enabled) context.emit('xen', 'server.disabled', { domid, server: id });
  context.emit('xen', 'server.destroyed', { domid, server: id });
  for (const [vcpu] of waiting) {
    const request = guestOf(context, domid)?.waiting[Number(vcpu)]?.request ?? null;
    context.emit('xen', 'ioreq.orphaned', { domid, vcpu: Number(vcpu), server: id, request });
  }
}
