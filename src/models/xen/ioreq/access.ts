import { containsRange } from '../../../base/rangeset.js';
import type { DataOf } from '../../../events/catalogue.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import { has } from '../../../policy/has.js';
import type { Context, Decider } from '../../context.js';
import { allOnes } from '../../hardware/config-space.js';
import { loseOnPort } from '../chipset/facilities.js';
import { accessOwn, isOwn } from '../chipset/own.js';
import { designFor, routeAccess } from '../chipset/route.js';
import { watchRequest } from '../chipset/watch.js';
import { crashDomain, cut, guestOf, type ReadonlyGuest, type Requested } from './guest.js';
import { internalHandlers } from './internal.js';
import { memorySpan, selectServer, type Target, targetOf } from './select.js';
import { type Request, sendBuffered, sendRequest } from './send.js';

const PAGE = 0x1000;

/**
 * Carries a guest access through Xen: internal handlers, then the IOREQ server selected for it, then nobody.
 * @source facts/xen 4.5, 4.6
 */
export const decideIoRequest: Decider<'io.requested'> = (context, { seq, data }) => {
  const access: Requested = { ...data, seq };
  const guest = guestOf(context, data.domid);
  if (guest === undefined) {
    // A guest that Xen does not know runs under somebody else: its recorded answers stand undecided.
    if (context.state.domains[data.domid] === undefined) return;
    return complete(context, access, 'unhandleable', ones(access), 'nobody');
  }
  if (guest.waiting[data.vcpu] !== undefined) return complete(context, access, 'blocked', null, 'nobody');
  if (guest.type === 'arm') return armAccess(context, guest, access);
  const bad = data.size > (data.space === 'port' ? 4 : 8) || !Number.isInteger(Math.log2(data.size));
  if (bad) return complete(context, access, 'unhandleable', ones(access), 'nobody');
  x86Access(context, guest, { ...access, count: pageLimit(access) });
};

function x86Access(context: Context, guest: ReadonlyGuest, access: Requested): void {
  let current = access;
  const handler = internalHandlers.find(
    (one) => one.space === access.space && one.accepts(context, guest, access) !== false,
  );
  if (handler !== undefined) {
    if (handler.accepts(context, guest, access) === 'crash') {
      crashDomain(
        context,
        access.domid,
        `${handler.name} takes the first byte of an access but not its last`,
      );
      return;
    }
    const answer = handler.handle(context, guest, access);
    if (answer !== null) return complete(context, access, 'done', answer, handler.name);
    current = { ...access, count: 1 };
  } else if (isVgaWrite(guest, access)) {
    const target = targetOf(guest, access);
    const id = selectServer(guest, access, target);
    if (id >= 0 && sendBuffered(context, id, requestFor(access, target)))
      return complete(context, access, 'done', null, `server:${id}`);
    current = { ...access, count: 1 };
  }
  if (current.space === 'mem' && memoryType(context, guest, current)) return;
  forward(context, current);
}

/** ARM asks servers about single memory accesses only. @source facts/xen 4.6 */
function armAccess(context: Context, guest: ReadonlyGuest, access: Requested): void {
  if (access.space === 'port') return complete(context, access, 'unhandleable', ones(access), 'nobody');
  const handler = internalHandlers.find(
    ({ name, space, accepts }) =>
      name.startsWith('vpci') && space === 'mem' && accepts(context, guest, access) === true,
  );
  const answer = handler?.handle(context, guest, access) ?? null;
  if (handler !== undefined && answer !== null)
    return complete(context, access, answer.abort === true ? 'abort' : 'done', answer, handler.name);
  forward(context, { ...access, count: 1, df: false });
}

/** Looks for a server and hands the access over, or ends it the way nobody answers. */
function forward(context: Context, access: Requested): void {
  const guest = guestOf(context, access.domid)!;
  const route = routeAccess(context, guest, access);
  if (designFor(context, guest) === 'xen-chipset' && hasBehaviour(context.env.behaviour, 'chipset-ports'))
    loseOnPort(context, access);
  if (route === null) return unclaimed(context, guest, access, targetOf(guest, access));
  const { target } = route;
  if (target.type === 'pci' && answeredOnTheWay(context, guest, access, target)) return;
  const id = route.server ?? selectServer(guest, access, target);
  if (id < 0) return unclaimed(context, guest, access, target);
  send(context, id, access, target);
}

/** Under the designs of 2018 Xen may own the chipset, or keep an access from the device model. */
function answeredOnTheWay(
  context: Context,
  guest: ReadonlyGuest,
  access: Requested,
  { sbdf, reg }: Extract<Target, { type: 'pci' }>,
): boolean {
  const design = designFor(context, guest);
  if (design === 'xen-chipset' && isOwn(sbdf)) {
    const value = accessOwn(context, access, sbdf, reg);
    complete(context, access, 'done', { value, valueHigh: null }, 'xen-chipset');
    return true;
  }
  if (!watchRequest(context, design, access, sbdf, reg)) return false;
  complete(context, access, 'done', null, 'xen-intercept');
  return true;
}

function send(context: Context, id: number, access: Requested, target: Target): void {
  const sent = sendRequest(context, id, requestFor(access, target));
  if (sent === 'waiting') return;
  if (sent === 'retry') return complete(context, access, 'retry', null, `server:${id}`);
  complete(
    context,
    access,
    guestOf(context, access.domid)?.type === 'arm' ? 'abort' : 'unhandleable',
    ones(access),
    `server:${id}`,
  );
  // A plain port access that cannot be emulated ends the domain (xen/arch/x86/hvm/io.c, handle_pio).
  if (access.space === 'port' && !access.dataIsPtr)
    crashDomain(
      context,
      access.domid,
      `Unexpected PIO status, port ${access.addr.toString(16)} ${access.dir}`,
    );
}

function unclaimed(context: Context, guest: ReadonlyGuest, access: Requested, target: Target): void {
  const pci = target.type === 'pci' ? target : null;
  context.emit('xen', 'ioreq.unclaimed', {
    domid: access.domid,
    vcpu: access.vcpu,
    type: target.type,
    addr: target.addr as Requested['addr'],
    sbdf: pci?.sbdf ?? null,
    reg: pci?.reg ?? null,
    size: access.size,
    dir: access.dir,
  });
  if (guest.type === 'arm' && guest.trapUnmapped) return complete(context, access, 'abort', null, 'nobody');
  if (guest.type === 'pvh' && guest.hardware && access.space === 'mem' && fixesUpMemory(context))
    return complete(context, access, 'retry', null, 'xen:p2m-fixup');
  complete(context, access, 'done', ones(access), 'nobody');
}

/**
 * `dom0=pf-fixup`, by default: Xen maps what the hardware domain touches and has it try again; without, nobody answers.
 * @source xen/arch/x86/hvm/emulate.c (opt_dom0_pf_fixup) at RELEASE-4.22.0; off by default at 4.21, absent before
 */
const fixesUpMemory = ({ env }: Context): boolean => has(env, 'dom0-pf-fixup');

/**
 * Memory whose frame is of type ioreq_server: writes go to the server mapped to that type, enabled or not; reads come
 * from the RAM behind it; without a server the instruction is tried again. @source facts/xen 4.5 step 4
 */
function memoryType(context: Context, guest: ReadonlyGuest, access: Requested): boolean {
  const gfn = Math.floor(access.addr / PAGE);
  if (!containsRange(guest.memTypes.ioreq_server, gfn, gfn)) return false;
  if (guest.memServer === null) complete(context, access, 'retry', null, 'nobody');
  else if (access.dir === 'read') complete(context, access, 'done', { value: null, valueHigh: null }, 'ram');
  else send(context, guest.memServer, access, { type: 'memory', addr: access.addr });
  return true;
}

/** Single writes into the VGA window go through the buffered ring where the server has one. @source facts/xen 4.4 */
function isVgaWrite(guest: ReadonlyGuest, access: Requested): boolean {
  if (guest.type !== 'hvm' || access.space !== 'mem' || access.dir !== 'write') return false;
  if (access.dataIsPtr || access.count !== 1) return false;
  const [first, last] = memorySpan(access);
  return first >= 0xa_0000 && last < 0xc_0000;
}

/** Repeated memory accesses stop at the end of the page. @source facts/xen 4.5 step 2 */
function pageLimit({ space, addr, size, count, df }: Requested): number {
  if (count <= 1 || space === 'port') return Math.max(1, count);
  const offset = addr % PAGE;
  if (PAGE - offset < size) return 1;
  return Math.min(count, Math.floor((df ? offset + size : PAGE - offset) / size));
}

function requestFor(access: Requested, target: Target): Request {
  const pci = target.type === 'pci' ? target : null;
  const [data, dataHigh] = access.dataIsPtr
    ? [access.value ?? 0, access.valueHigh ?? 0]
    : access.dir === 'write'
      ? cut(access.value ?? 0, access.valueHigh ?? 0, access.size)
      : [0, 0];
  return {
    domid: access.domid,
    vcpu: access.vcpu,
    type: target.type === 'pci' ? 'pci_config' : target.type === 'port' ? 'pio' : 'copy',
    addr: target.addr as Requested['addr'],
    sbdf: pci?.sbdf ?? null,
    reg: pci?.reg ?? null,
    size: access.size,
    count: access.count,
    dir: access.dir,
    df: access.df,
    dataIsPtr: access.dataIsPtr,
    data,
    dataHigh,
    request: access.seq,
  };
}

type Value = { readonly value: number | null; readonly valueHigh: number | null };

const ones = ({ dir, size, dataIsPtr }: Requested): Value | null =>
  dir === 'write' || dataIsPtr ? null : { value: allOnes(size), valueHigh: size === 8 ? 0xffff_ffff : null };

function complete(
  context: Context,
  access: Requested,
  result: DataOf<'io.completed'>['result'],
  value: Value | null,
  handledBy: string,
): void {
  const read = access.dir === 'read';
  context.emit('xen', 'io.completed', {
    domid: access.domid,
    vcpu: access.vcpu,
    request: access.seq,
    result,
    value: read ? (value?.value ?? null) : null,
    valueHigh: read ? (value?.valueHigh ?? null) : null,
    count: result === 'done' ? access.count : 0,
    handledBy,
  });
}
