import type { DomainId, EventSeq } from '../../../base/brand.js';
import type { Context, Decider } from '../../context.js';
import { amendAnswer, watchAnswer } from '../chipset/watch.js';
import { enterXen } from '../hypercalls.js';
import { crashDomain, cut, guestOf, type ReadonlyGuest, serverOf } from './guest.js';
import { broadcastRequest, sendBuffered, sendRequest } from './send.js';

/** Names of the slot states. @source facts/xen 4.6 */
const NONE = 0;
const READY = 1;
const INPROCESS = 2;
const RESP_READY = 3;

/**
 * A device model wrote a slot and notified the virtual CPU. Xen looks at the slots it waits for, highest server first,
 * and lets the virtual CPU go on when none is left.
 * @source facts/xen 4.6; xen/common/ioreq.c (vcpu_ioreq_handle_completion, wait_for_io)
 */
export const decideIoreqServed: Decider<'ioreq.served'> = (context, { data }) => {
  const { domid, vcpu, server: id } = data;
  const guest = guestOf(context, domid);
  const server = guest === undefined ? null : serverOf(guest, id);
  const ignored = (reason: string): void => {
    context.emit('xen', 'ioreq.ignored', { domid, vcpu, server: id, reason });
  };
  if (guest === undefined) return ignored('no such guest');
  if (server === null) return ignored('no such server: its event channels are closed');
  if (server.page === 'none') return ignored('the server has no request page');
  if (guest.stopped === 'crash') return ignored('the domain has crashed');
  if (guest.waiting[vcpu] === undefined) return ignored('this virtual CPU waits for nobody');
  if (!settle(context, domid, vcpu)) ignored('Xen waits for another state or another server');
};

/** @returns Whether anything changed for the virtual CPU. */
function settle(context: Context, domid: DomainId, vcpu: number): boolean {
  let moved = false;
  let cause: EventSeq | undefined;
  for (;;) {
    const guest = guestOf(context, domid)!;
    const id = pendingServer(guest, vcpu);
    if (id < 0) {
      resume(context, domid, vcpu, cause);
      return true;
    }
    const slot = serverOf(guest, id)!.slots[vcpu]!;
    if (slot.state === NONE || slot.state === RESP_READY) {
      const answered = slot.state === RESP_READY;
      cause = context.emit('xen', 'ioreq.completed', {
        domid,
        vcpu,
        server: id,
        how: answered ? 'answered' : 'vanished',
        data: answered ? slot.data : 0xffff_ffff,
        dataHigh: answered ? slot.dataHigh : 0xffff_ffff,
        request: guest.waiting[vcpu]?.request ?? null,
      });
      moved = true;
      continue;
    }
    if (slot.state === slot.seen) return moved;
    if (slot.state === INPROCESS && slot.seen === READY) {
      context.emit('xen', 'ioreq.claimed', { domid, vcpu, server: id });
      return true;
    }
    const why =
      slot.state < slot.seen
        ? `Weird HVM ioreq state transition ${slot.seen} -> ${slot.state}`
        : `Weird HVM iorequest state ${slot.state}`;
    crashDomain(context, domid, why);
    return true;
  }
}

/** The server whose slot Xen looks at next. */
function pendingServer(guest: ReadonlyGuest, vcpu: number): number {
  for (let id = guest.servers.length - 1; id >= 0; id--) {
    if (guest.servers[id]?.slots[vcpu]?.pending === true) return id;
  }
  return -1;
}

/** Lets a virtual CPU that waits for no server any more finish its access. */
function resume(context: Context, domid: DomainId, vcpu: number, cause: EventSeq | undefined): void {
  const waiting = guestOf(context, domid)?.waiting[vcpu];
  if (waiting === undefined || waiting.request === null) return;
  const known = waiting.dir === 'read' && !waiting.dataIsPtr;
  const [answered, valueHigh] = cut(waiting.data, waiting.dataHigh, waiting.size);
  const value = known ? amendAnswer(context, domid, vcpu, answered) : answered;
  context.emit(
    'xen',
    'io.completed',
    {
      domid,
      vcpu,
      request: waiting.request,
      result: 'done',
      value: known ? value : null,
      valueHigh: known && waiting.size === 8 ? valueHigh : null,
      count: waiting.count,
      handledBy: waiting.servedBy === null ? 'nobody' : `server:${waiting.servedBy}`,
    },
    cause,
  );
  reportWindow(context, domid, vcpu, known ? value : 0);
}

/** Under the design `notify` the device model tells Xen of a moved window once it has carried out the write. */
function reportWindow(context: Context, domid: DomainId, vcpu: number, value: number): void {
  const said = watchAnswer(context, guestOf(context, domid)!, domid, vcpu, value);
  if (said === null) return;
  const { base, sizeBytes, enabled } = said.report;
  enterXen(context, said.caller, 'dm_op', 'notify_mmconfig', {
    domid,
    base,
    size: sizeBytes,
    enabled: enabled ? 1 : 0,
  });
}

/**
 * Tells every enabled server: through the buffered ring for a moved clock, otherwise as a request the virtual CPU
 * waits for. Servers without a ring hear nothing of the former. @source facts/xen 4.6
 */
export const decideBroadcast: Decider<'broadcast.requested'> = (context, { data }) => {
  const { domid, vcpu, type } = data;
  const count = guestOf(context, domid)?.servers.length ?? 0;
  const request = broadcastRequest(domid, vcpu, type, data.data, data.dataHigh);
  for (let id = count - 1; id >= 0; id--) {
    const guest = guestOf(context, domid);
    const server = guest === undefined ? null : serverOf(guest, id);
    if (server === null || !server.enabled) continue;
    if (type === 'invalidate') sendRequest(context, id, request);
    else if (server.bufioreq !== 0 && !sendBuffered(context, id, request)) {
      context.emit('xen', 'ioreq.unsent', {
        domid,
        vcpu,
        server: id,
        reason: 'buffered ring refused',
        request: null,
      });
    }
  }
};
