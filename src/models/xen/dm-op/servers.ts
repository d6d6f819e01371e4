import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { addTakesElement, containsRange, overlapsRange, removeTakesElement } from '../../../base/rangeset.js';
import type { dmOps } from '../../../events/abi/dm-op.js';
import { SERVER_COUNT } from '../../../state/guest-io.js';
import type { Context } from '../../context.js';
import { type Answer, argNumber } from '../../hypercall.js';
import { guestOf, type ReadonlyServer, serverOf } from '../ioreq/guest.js';
import { destroyServer, openPorts } from '../ioreq/lifecycle.js';
import { mapGuestPages } from '../ioreq/pages.js';
import {
  arg64,
  compare64,
  type DmCall,
  type DmOperation,
  type DmOperations,
  done,
  fail,
  padded,
} from './call.js';

/** Stored ranges per server and type. @source facts/xen 4.3 */
const RANGES = 256;
const rangeTypes = ['port', 'memory', 'pci'] as const;
const NO_GFNS = 1;

const both = (run: DmOperation['run']): DmOperation => ({ arch: 'both', run });

/** The server a call names, or why not: unknown id, or made by another domain. */
function own(call: DmCall): ReadonlyServer | Answer {
  const server = serverOf(call.guest, argNumber(call.args, 'id'));
  if (server === null) return fail('ENOENT');
  return server.emulator === call.caller ? server : fail('EPERM');
}

const isAnswer = (value: ReadonlyServer | Answer): value is Answer => 'ret' in value;

/** Free ports of the guest, lowest first. */
function* freePorts(context: Context, { domid }: DmCall): Generator<number, never> {
  const taken = context.state.evtchn[domid]?.ports ?? {};
  for (let port = 1; ; port++) if (taken[port] === undefined) yield port;
}

function create(context: Context, call: DmCall): Answer {
  const bufioreq = argNumber(call.args, 'handle_bufioreq');
  if (padded(call.args, 'pad')) return fail('EINVAL');
  if (bufioreq > 2 || (call.guest.type === 'arm' && bufioreq !== 0)) return fail('EINVAL');
  const server = call.guest.servers.indexOf(null);
  if (server < 0 || server >= SERVER_COUNT) return fail('ENOSPC');
  const free = freePorts(context, call);
  const ports: Record<string, number> = {};
  let bufioreqPort: number | null = null;
  for (let vcpu = 0; vcpu < call.guest.vcpus; vcpu++) {
    ports[vcpu] = free.next().value;
    if (vcpu === 0 && bufioreq !== 0) bufioreqPort = free.next().value;
  }
  context.emit('xen', 'server.created', {
    domid: call.domid,
    server,
    emulator: call.caller,
    bufioreq,
    ports,
    bufioreqPort,
  });
  openPorts(context, call.domid, server);
  return { ret: 0, out: { id: server } };
}

function info(context: Context, call: DmCall): Answer {
  const flags = argNumber(call.args, 'flags');
  const id = argNumber(call.args, 'id');
  if ((flags & ~NO_GFNS) !== 0) return fail('EINVAL');
  const server = own(call);
  if (isAnswer(server)) return server;
  if ((flags & NO_GFNS) === 0) {
    const failure = mapGuestPages(context, call.domid, id);
    if (failure !== null) return fail(failure);
  }
  const now = serverOf(guestOf(context, call.domid)!, id)!;
  const gfns = (flags & NO_GFNS) === 0;
  return {
    ret: 0,
    out: {
      ...(now.bufioreqPort === null ? {} : { bufioreq_port: now.bufioreqPort }),
      ...(gfns ? { ioreq_gfn: now.gfn } : {}),
      ...(gfns && now.bufioreq !== 0 ? { bufioreq_gfn: now.bufGfn } : {}),
    },
  };
}

/** Checks common to mapping and unmapping, in Xen's order. */
function rangeOf(
  call: DmCall,
): Answer | { type: 0 | 1 | 2; start: number; end: number; server: ReadonlyServer } {
  if (padded(call.args, 'pad') || compare64(call.args, 'start', 'end') > 0) return fail('EINVAL');
  const server = own(call);
  if (isAnswer(server)) return server;
  const type = argNumber(call.args, 'type');
  if (type !== 0 && type !== 1 && type !== 2) return fail('EINVAL');
  return { type, start: arg64(call.args, 'start'), end: arg64(call.args, 'end'), server };
}

const emitRange = (
  context: Context,
  call: DmCall,
  kind: 'range.mapped' | 'range.unmapped',
  type: 0 | 1 | 2,
  start: number,
  end: number,
): void => {
  context.emit('xen', kind, {
    domid: call.domid,
    server: argNumber(call.args, 'id'),
    type: rangeTypes[type],
    start: start as PhysicalAddress,
    end: end as PhysicalAddress,
  });
};

function mapRange(context: Context, call: DmCall): Answer {
  const range = rangeOf(call);
  if ('ret' in range) return range;
  const { type, start, end, server } = range;
  const set = server.ranges[type];
  if (overlapsRange(set, start, end)) return fail('EEXIST');
  if (set.starts.length >= RANGES && addTakesElement(set, start)) return fail('ENOMEM');
  emitRange(context, call, 'range.mapped', type, start, end);
  return done;
}

function unmapRange(context: Context, call: DmCall): Answer {
  const range = rangeOf(call);
  if ('ret' in range) return range;
  const { type, start, end, server } = range;
  const set = server.ranges[type];
  if (!containsRange(set, start, end)) return fail('ENOENT');
  if (set.starts.length >= RANGES && removeTakesElement(set, start, end)) return fail('ENOMEM');
  emitRange(context, call, 'range.unmapped', type, start, end);
  return done;
}

function setState(context: Context, call: DmCall): Answer {
  if (padded(call.args, 'pad')) return fail('EINVAL');
  const server = own(call);
  if (isAnswer(server)) return server;
  const enabled = argNumber(call.args, 'enabled') !== 0;
  const names = { domid: call.domid, server: argNumber(call.args, 'id') };
  if (enabled !== server.enabled) context.emit('xen', enabled ? 'server.enabled' : 'server.disabled', names);
  return done;
}

function destroy(context: Context, call: DmCall): Answer {
  if (padded(call.args, 'pad')) return fail('EINVAL');
  const server = own(call);
  if (isAnswer(server)) return server;
  destroyServer(context, call.domid, argNumber(call.args, 'id'));
  return done;
}

const HVMMEM_IOREQ_SERVER = 4;
const WRITE = 2;

/** Sends writes to frames of type ioreq_server to a server, or with flags 0 to nobody. */
function mapMemType(context: Context, call: DmCall): Answer {
  if (!call.guest.hap) return fail('EOPNOTSUPP');
  const flags = argNumber(call.args, 'flags');
  const id = argNumber(call.args, 'id');
  if (arg64(call.args, 'opaque') === 0) {
    if (argNumber(call.args, 'type') !== HVMMEM_IOREQ_SERVER) return fail('EINVAL');
    if ((flags & ~WRITE) !== 0) return fail('EINVAL');
    const server = own(call);
    if (isAnswer(server)) return server;
    const { memServer, memTypes } = call.guest;
    if (flags === 0 && memServer !== id) return fail('EINVAL');
    if (flags !== 0 && (memServer !== null || memTypes.ioreq_server.starts.length > 0)) return fail('EBUSY');
    context.emit('xen', 'memtype.claimed', { domid: call.domid, server: flags === 0 ? null : id });
  }
  if (flags === 0) resetFrames(context, call.domid);
  return { ret: 0, out: { opaque: argNumber(call.args, 'opaque') } };
}

/** Frames still of the type become plain RAM again. */
function resetFrames(context: Context, domid: DomainId): void {
  const { starts, ends } = guestOf(context, domid)!.memTypes.ioreq_server;
  const frames = starts.map((first, i) => ({ first, last: ends[i]! }));
  for (const { first, last } of frames) {
    context.emit('xen', 'memtype.changed', {
      domid,
      first: first as PhysicalAddress,
      last: last as PhysicalAddress,
      type: 'ram_rw',
    });
  }
}

/** Operations on IOREQ servers. @source facts/xen 4.2, 4.3 */
export const serverOps = {
  create_ioreq_server: both(create),
  get_ioreq_server_info: both(info),
  map_io_range_to_ioreq_server: both(mapRange),
  unmap_io_range_from_ioreq_server: both(unmapRange),
  set_ioreq_server_state: both(setState),
  destroy_ioreq_server: both(destroy),
  map_mem_type_to_ioreq_server: { arch: 'x86', run: mapMemType },
} satisfies Partial<Record<keyof typeof dmOps, DmOperation>> satisfies DmOperations;
