import type { DomainId, EventSeq } from '../../../base/brand.js';
import type { DataOf } from '../../../events/catalogue.js';
import type { Context } from '../../context.js';
import { guestOf, serverOf } from './guest.js';

/** One request as Xen builds it. */
export type Request = Pick<
  DataOf<'ioreq.sent'>,
  | 'domid'
  | 'vcpu'
  | 'type'
  | 'addr'
  | 'sbdf'
  | 'reg'
  | 'size'
  | 'count'
  | 'dir'
  | 'df'
  | 'dataIsPtr'
  | 'data'
  | 'dataHigh'
  | 'request'
>;

/** `waiting`: the virtual CPU blocks. `retry`: the domain is stopping, nothing was sent. */
export type Sent = 'waiting' | 'retry' | 'unhandled';

/**
 * Puts a request into the slot of its virtual CPU and blocks it.
 * @source facts/xen 4.6
 */
export function sendRequest(context: Context, id: number, request: Request): Sent {
  const { domid, vcpu } = request;
  const guest = guestOf(context, domid);
  const server = guest === undefined ? null : serverOf(guest, id);
  if (guest === undefined || server === null) return 'unhandled';
  if (guest.stopped !== null) return 'retry';
  const port = server.ports[vcpu];
  if (port === undefined) return unsent(context, id, request, 'no event channel for this virtual CPU');
  if (server.page === 'none') {
    // get_ioreq() has only an assertion against a server enabled without its page; a release build follows the null
    // pointer (xen/common/ioreq.c).
    context.emit('xen', 'xen.panicked', {
      reason: `IOREQ server ${id} of d${domid} was enabled without a page`,
    });
    return 'unhandled';
  }
  const slot = server.slots[vcpu];
  if (slot !== undefined && slot.state !== 0)
    return unsent(context, id, request, `device model set bad IO state ${slot.state}`);
  if ((slot?.eport ?? 0) !== port)
    return unsent(context, id, request, `device model set bad event channel ${slot?.eport ?? 0}`);
  context.emit('xen', 'ioreq.sent', {
    ...request,
    server: id,
    emulator: server.emulator,
    port,
    buffered: false,
    slot: null,
  });
  return 'waiting';
}

function unsent(context: Context, server: number, { domid, vcpu, request }: Request, reason: string): Sent {
  context.emit('xen', 'ioreq.unsent', { domid, vcpu, server, reason, request });
  return 'unhandled';
}

const RING_SLOTS = 511;

/**
 * Puts a request into a server's buffered ring; the virtual CPU goes on.
 * @returns Whether the ring took it: not without a page, for addresses above 20 bits, pointers, repetitions or odd
 *   sizes, nor when it is full; an 8-byte request needs two slots.
 * @source facts/xen 4.4
 */
export function sendBuffered(context: Context, id: number, request: Request): boolean {
  const guest = guestOf(context, request.domid);
  const server = guest === undefined ? null : serverOf(guest, id);
  if (server === null || server.bufPage === 'none') return false;
  if (request.addr > 0xf_ffff || request.dataIsPtr || request.count !== 1) return false;
  if (![1, 2, 4, 8].includes(request.size)) return false;
  const used = (server.ring.write - server.ring.read) >>> 0;
  if (used >= RING_SLOTS - (request.size === 8 ? 1 : 0)) return false;
  context.emit('xen', 'ioreq.sent', {
    ...request,
    server: id,
    emulator: server.emulator,
    port: server.bufioreqPort ?? 0,
    buffered: true,
    slot: server.ring.write,
  });
  return true;
}

/** What a broadcast looks like to each server. @source facts/xen 4.6 */
export function broadcastRequest(
  domid: DomainId,
  vcpu: number,
  type: 'timeoffset' | 'invalidate',
  data: number,
  dataHigh: number,
): Request {
  const request: EventSeq | null = null;
  return {
    domid,
    vcpu,
    type,
    addr: 0 as Request['addr'],
    sbdf: null,
    reg: null,
    size: type === 'timeoffset' ? 8 : 4,
    count: type === 'timeoffset' ? 1 : 0,
    dir: 'write',
    df: false,
    dataIsPtr: false,
    data,
    dataHigh,
    request,
  };
}
