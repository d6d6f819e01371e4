import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { type ErrnoName, errno } from '../../../base/errno.js';
import { has } from '../../../policy/has.js';
import { hvmParam } from '../../../state/guest-io.js';
import type { Context } from '../../context.js';
import { type Answer, argNumber, type HypercallHandler } from '../../hypercall.js';
import { arg64 } from '../dm-op/call.js';
import { mayActAsDeviceModel } from '../domains.js';
import { guestOf, type ReadonlyGuest, type ReadonlyServer, serverOf } from './guest.js';

const legacyParams = [hvmParam.IOREQ_PFN, hvmParam.BUFIOREQ_PFN] as const;

interface Frames {
  readonly gfns: readonly number[];
  /** Legacy parameters marked as taken on the way although nobody got their frame. */
  readonly lost: readonly number[];
}

/**
 * Frames for so many pages, as many as there are: the pool first, then the legacy parameters. Before 4.19 (stable-4.18
 * still) the test for a legacy frame is turned round: free ones are marked as taken and passed over, and the frame of
 * one that is taken is handed out again.
 * @source facts/xen 4.3; xen/arch/x86/hvm/ioreq.c (hvm_alloc_ioreq_gfn, hvm_alloc_legacy_ioreq_gfn; commit 282ed258a5)
 */
function takeFrames(context: Context, guest: ReadonlyGuest, count: number): Frames {
  const base = guest.params[hvmParam.IOREQ_SERVER_PFN] ?? 0;
  const gfns = guest.freeGfns.slice(0, count).map((index) => base + index);
  const free = new Set(guest.freeLegacy);
  const lost: number[] = [];
  const isTurnedRound = !has(context.env, 'ioreq-legacy-frames-free');
  while (gfns.length < count) {
    const param = legacyParams.find((one) => {
      if (!isTurnedRound) return free.has(one);
      if (!free.has(one)) return true;
      lost.push(one);
      free.delete(one);
      return false;
    });
    if (param === undefined) break;
    free.delete(param);
    gfns.push(guest.params[param] ?? 0);
  }
  return { gfns, lost };
}

/**
 * Gives a server's pages guest frames, as get_ioreq_server_info does unless told not to.
 * @returns Why not: pages acquired as a resource already, a dying domain, no frame left; null when they have frames.
 * @source facts/xen 4.2, 4.3; xen/arch/x86/hvm/ioreq.c (arch_ioreq_server_map_pages)
 */
export function mapGuestPages(context: Context, domid: DomainId, id: number): ErrnoName | null {
  const guest = guestOf(context, domid)!;
  const server = serverOf(guest, id)!;
  if (guest.type === 'arm') return 'EOPNOTSUPP';
  if (server.page === 'resource') return 'EPERM';
  const wanted: ('ioreq' | 'bufioreq')[] = [];
  if (server.page === 'none') wanted.push('ioreq');
  if (server.bufioreq !== 0 && server.bufPage === 'none') wanted.push('bufioreq');
  if (wanted.length > 0 && guest.dying) return 'EINVAL';
  const { gfns, lost } = takeFrames(context, guest, wanted.length);
  for (const index of lost) context.emit('xen', 'param.spent', { domid, index });
  if (gfns.length < wanted.length) return 'ENOMEM';
  for (const [i, page] of wanted.entries()) {
    context.emit('xen', 'server.page', {
      domid,
      server: id,
      page,
      how: 'gfn',
      gfn: gfns[i]! as PhysicalAddress,
    });
  }
  return null;
}

/** Makes the pages of a server that is asked for them as a resource. @source xen/common/ioreq.c (ioreq_server_alloc_pages) */
function allocatePages(
  context: Context,
  domid: DomainId,
  id: number,
  server: ReadonlyServer,
): ErrnoName | null {
  if (server.page === 'gfn' || server.bufPage === 'gfn') return 'EPERM';
  if (server.page === 'none')
    context.emit('xen', 'server.page', { domid, server: id, page: 'ioreq', how: 'resource', gfn: null });
  if (server.bufioreq !== 0 && server.bufPage === 'none')
    context.emit('xen', 'server.page', { domid, server: id, page: 'bufioreq', how: 'resource', gfn: null });
  return null;
}

const IOREQ_SERVER = 0;
const GRANT_TABLE = 1;
const MAX_FRAMES = 0x3ff_ffff;
const PAGE_BYTES = 4096;
const IOREQ_BYTES = 32;

const fail = (name: ErrnoName): Answer => ({ ret: -errno[name] });

/**
 * memory_op 28 for IOREQ servers: frame 0 is the buffered page, frame 1 the request page. `frame_list` missing or null
 * asks for the number of frames. Frame numbers handed back are not modelled.
 * @source facts/xen 1.2, 4.3; xen/common/memory.c (acquire_resource)
 */
export const acquireResource: HypercallHandler = (context, { caller, args }) => {
  const me = context.state.domains[caller];
  // Pages of another domain can be mapped by PV domains and the hardware domain only.
  if (me !== undefined && (me.type === 'hvm' || me.type === 'pvh') && !me.hardware) return fail('EACCES');
  if (argNumber(args, 'pad') !== 0) return fail('EINVAL');
  const frame = arg64(args, 'frame');
  const nrFrames = argNumber(args, 'nr_frames');
  if (frame + nrFrames >= 0x1_0000_0000) return fail('EINVAL');
  const domid = argNumber(args, 'domid') as DomainId;
  if (context.state.domains[domid] === undefined) return fail('ESRCH');
  if (domid === caller || !mayActAsDeviceModel(context, caller, domid)) return fail('EPERM');
  const guest = guestOf(context, domid);
  const type = argNumber(args, 'type');
  if (type === GRANT_TABLE) return fail('EOPNOTSUPP');
  if (type !== IOREQ_SERVER || guest === undefined) return fail('EINVAL');
  const list = args['frame_list'] ?? null;
  if (list === null || list === 0) {
    const maximum = 1 + Math.ceil((guest.vcpus * IOREQ_BYTES) / PAGE_BYTES);
    return nrFrames === 0 ? { ret: 0, out: { nr_frames: maximum } } : fail('EINVAL');
  }
  const id = argNumber(args, 'id');
  if (nrFrames === 0 || nrFrames > MAX_FRAMES || id > 0xffff) return fail('EINVAL');
  // The first frame that fails ends the call; it cannot be later than the third.
  for (let i = 0; i < nrFrames; i++) {
    const server = serverOf(guestOf(context, domid)!, id);
    if (server === null) return fail('ENOENT');
    if (server.emulator !== caller) return fail('EPERM');
    const failure = allocatePages(context, domid, id, server);
    if (failure !== null) return fail(failure);
    if (frame + i === 0 && server.bufioreq === 0) return fail('ENOENT');
    if (frame + i > 1) return fail('EINVAL');
  }
  return { ret: 0 };
};
