import type { PhysicalAddress } from '../../../base/brand.js';
import { type ReadonlyRangeSet, rangeAt } from '../../../base/rangeset.js';
import type { DataOf } from '../../../events/catalogue.js';
import type { Context } from '../../context.js';
import { type Answer, argNumber } from '../../hypercall.js';
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

const x86 = (run: DmOperation['run']): DmOperation => ({ arch: 'x86', run });

/** Frames of one GiB. */
const MAX_VRAM_FRAMES = 0x4_0000;

function trackDirtyVram(_context: Context, call: DmCall): Answer {
  const frames = argNumber(call.args, 'nr');
  if (padded(call.args, 'pad') || call.bufferBytes.length < 2) return fail('EINVAL');
  if (frames > MAX_VRAM_FRAMES) return fail('EINVAL');
  if (call.guest.dying) return fail('ESRCH');
  if (call.guest.vcpus === 0) return fail('EINVAL');
  return Math.ceil(frames / 8) > call.bufferBytes[1]! ? fail('EINVAL') : done;
}

/** Only marks frames dirty for a migration; without one, which xpr does not model, there is nothing to mark. */
function modifiedMemory(_context: Context, call: DmCall): Answer {
  return call.bufferBytes.length === 2 ? done : fail('EINVAL');
}

type FrameType = DataOf<'memtype.changed'>['type'];
const frameTypes: readonly (FrameType | null)[] = ['ram_rw', 'ram_ro', 'mmio_dm', null, 'ioreq_server'];

/**
 * Changes the type of frames one by one and stops at the first that may not: into ioreq_server only from RAM, out of it
 * only to RAM, and device memory stays device memory.
 * @source xen/arch/x86/hvm/dm.c (set_mem_type, allow_p2m_type_change)
 */
function setMemType(context: Context, call: DmCall): Answer {
  if (padded(call.args, 'pad')) return fail('EINVAL');
  const count = argNumber(call.args, 'nr');
  const first = arg64(call.args, 'first_pfn');
  const last = first + count - 1;
  if (count === 0 || last > call.guest.maxGfn) return fail('EINVAL');
  const type = frameTypes[argNumber(call.args, 'mem_type')] ?? null;
  if (type === null) return fail('EINVAL');
  if (type === 'ioreq_server') {
    if (!call.guest.hap) return fail('EOPNOTSUPP');
    if (call.guest.memServer === null) return fail('EINVAL');
  }
  const stop = firstRefused(call, type, first, last);
  const changed = stop === null ? last : stop - 1;
  if (changed >= first) {
    context.emit('xen', 'memtype.changed', {
      domid: call.domid,
      first: first as PhysicalAddress,
      last: changed as PhysicalAddress,
      type,
    });
  }
  return stop === null ? done : fail('EINVAL');
}

/** First frame of `first..last` whose present type cannot become `type`; null when all can. */
function firstRefused(call: DmCall, type: FrameType, first: number, last: number): number | null {
  const { ram_ro, mmio_dm, ioreq_server } = call.guest.memTypes;
  const sets: ReadonlyRangeSet[] = [];
  if (type === 'ioreq_server') sets.push(ram_ro, mmio_dm, ioreq_server);
  else {
    if (type !== 'ram_rw') sets.push(ioreq_server);
    if (type !== 'mmio_dm') sets.push(mmio_dm);
  }
  const hits = sets.map((set) => firstIn(set, first, last)).filter((hit) => hit !== null);
  return hits.length === 0 ? null : Math.min(...hits);
}

function firstIn(set: ReadonlyRangeSet, first: number, last: number): number | null {
  const at = rangeAt(set, first);
  if (at >= 0 && set.ends[at]! >= first) return first;
  const next = set.starts[at + 1];
  return next !== undefined && next <= last ? next : null;
}

const shutdownReasons = ['poweroff', 'reboot', 'suspend', 'crash', 'watchdog', 'soft_reset'] as const;

function remoteShutdown(context: Context, call: DmCall): Answer {
  const reason = shutdownReasons[argNumber(call.args, 'reason')] ?? 'other';
  if (call.guest.stopped === null)
    context.emit('xen', 'domain.stopped', { domid: call.domid, reason, why: '' });
  return done;
}

/** Moves guest frames; the frames themselves are not modelled, so it always works. */
function relocateMemory(_context: Context, call: DmCall): Answer {
  return padded(call.args, 'pad') ? fail('EINVAL') : done;
}

const DELETE = 0xffff_ffff;
const CACHEATTR_RANGES = 64;
const PHYSICAL_FRAMES = 2 ** 52;
const uncached: readonly number[] = [0, 1, 7];
const cached: readonly number[] = [4, 5, 6];

/** @source xen/arch/x86/hvm/mtrr.c (hvm_set_mem_pinned_cacheattr) */
function pinCacheAttribute(context: Context, call: DmCall): Answer {
  if (padded(call.args, 'pad') || compare64(call.args, 'start', 'end') > 0) return fail('EINVAL');
  const start = arg64(call.args, 'start');
  const end = arg64(call.args, 'end');
  if (end >= PHYSICAL_FRAMES) return fail('EINVAL');
  const type = argNumber(call.args, 'type');
  const pinned = call.guest.cacheattrs;
  const same = pinned.some((one) => one.start === start && one.end === end);
  const pin = (to: number | null): Answer => {
    context.emit('xen', 'cacheattr.pinned', {
      domid: call.domid,
      start: start as PhysicalAddress,
      end: end as PhysicalAddress,
      type: to,
    });
    return done;
  };
  if (type === DELETE) return same ? pin(null) : fail('ENOENT');
  if (!uncached.includes(type) && !cached.includes(type)) return fail('EINVAL');
  if (uncached.includes(type) && context.env.policies.iommu === 'off') return fail('EPERM');
  if (same) return pin(type);
  if (pinned.some((one) => one.start <= end && start <= one.end)) return fail('EBUSY');
  return pinned.length >= CACHEATTR_RANGES ? fail('ENOSPC') : pin(type);
}

function vcpuCount(_context: Context, call: DmCall): Answer {
  return { ret: 0, out: { vcpus: call.guest.vcpus } };
}

/** Operations on memory and the domain as a whole. @source facts/xen 4.2 */
export const memoryOps = {
  track_dirty_vram: x86(trackDirtyVram),
  modified_memory: x86(modifiedMemory),
  set_mem_type: x86(setMemType),
  remote_shutdown: x86(remoteShutdown),
  relocate_memory: x86(relocateMemory),
  pin_memory_cacheattr: x86(pinCacheAttribute),
  nr_vcpus: { arch: 'both', run: vcpuCount },
} satisfies DmOperations;
