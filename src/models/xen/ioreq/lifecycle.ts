import type { DomainId } from '../../../base/brand.js';
import type { Context } from '../../context.js';
import { guestOf, type ReadonlyServer, serverOf } from './guest.js';

/** Channels of a server in the guest with the virtual CPU each belongs to. */
const channelsOf = (server: ReadonlyServer): readonly (readonly [port: number, vcpu: number])[] => [
  ...Object.entries(server.ports).map(([vcpu, port]) => [port, Number(vcpu)] as const),
  ...(server.bufioreqPort === null ? [] : [[server.bufioreqPort, 0] as const]),
];

/** Opens the channels of a new server: unbound ones, for the device model's domain to bind to. @source facts/xen 4.3 */
export function openPorts(context: Context, domid: DomainId, id: number): void {
  const server = serverOf(guestOf(context, domid)!, id)!;
  for (const [port, vcpu] of channelsOf(server)) {
    context.emit('xen', 'evtchn.opened', {
      domid,
      port,
      state: 'unbound',
      remote: server.emulator,
      remotePort: null,
      number: null,
      vcpu,
    });
  }
}

/** Closes them; what the device model had bound to one is left unbound. @source xen/common/event_channel.c (evtchn_close) */
function closePorts(context: Context, domid: DomainId, server: ReadonlyServer): void {
  for (const [port] of channelsOf(server)) {
    const bound = context.state.evtchn[domid]?.ports[port];
    context.emit('xen', 'evtchn.closed', { domid, port });
    if (bound?.state !== 'interdomain' || bound.remote === null || bound.remotePort === null) continue;
    const theirs = context.state.evtchn[bound.remote]?.ports[bound.remotePort];
    context.emit('xen', 'evtchn.opened', {
      domid: bound.remote,
      port: bound.remotePort,
      state: 'unbound',
      remote: domid,
      remotePort: null,
      number: null,
      vcpu: theirs?.vcpu ?? 0,
    });
  }
}

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
  closePorts(context, domid, server);
  context.emit('xen', 'server.destroyed', { domid, server: id });
  for (const [vcpu] of waiting) {
    const request = guestOf(context, domid)?.waiting[Number(vcpu)]?.request ?? null;
    context.emit('xen', 'ioreq.orphaned', { domid, vcpu: Number(vcpu), server: id, request });
  }
}
