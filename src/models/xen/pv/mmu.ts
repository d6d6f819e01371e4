import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { domids } from '../../../base/domid.js';
import { errno } from '../../../base/errno.js';
import type { RecordObject, RecordValue } from '../../../events/field.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { type Answer, argNumber, type HypercallHandler } from '../../hypercall.js';
import { isHvm, mayTarget } from '../domains.js';
import { holderOf, pieceAt } from '../vtd/holder.js';
import { checkEntry, type Wish } from './check-entry.js';
import { type Entry, entryOf, flag } from './entry.js';

/** Commands in the low bits of an update's address. @source xen/include/public/xen.h */
const command = { NORMAL: 0, MACHPHYS: 1, PRESERVE_AD: 2, NO_TRANSLATE: 3 } as const;
const PAGE = 4096;

/** What an update names: an entry by the address it maps, or by where it stands. */
interface Slot {
  readonly by: 'va' | 'ptr';
  readonly at: number;
}

/** Translated domains have none of these. @source xen/include/hypercall-defs.c */
const modelled = (handler: HypercallHandler): HypercallHandler => {
  return (context, call) =>
    hasBehaviour(context.env.behaviour, 'pv-page-tables') &&
    context.env.platform.arch === 'x86_64' &&
    !isHvm(context, call.caller)
      ? handler(context, call)
      : { ret: -errno.ENOSYS };
};

/**
 * `mmu_update`: `reqs` of `{ptr, val}`, done in order until one fails; `foreigndom` says whose memory and, in its upper
 * half, whose tables (domain id + 1). Tables are taken to be of the first level.
 * @source xen/arch/x86/mm.c (do_mmu_update) at c447b73
 */
const mmuUpdate: HypercallHandler = (context, { caller, args }) => {
  const foreign = argNumber(args, 'foreigndom');
  const asked = foreign >>> 16;
  const table = asked === 0 ? caller : ((asked - 1) as DomainId);
  if (context.state.domains[table] === undefined) return { ret: -errno.ESRCH };
  const memory = ownerOfMemory(context, caller, foreign & 0xffff);
  if (memory === null) return { ret: -errno.ESRCH };
  let done = 0;
  let ret = 0;
  for (const request of requestsOf(args['reqs'])) {
    ret = update(context, { caller, table, memory }, request);
    if (ret !== 0) break;
    done += 1;
  }
  return { ret, out: { done } };
};

function update(context: Context, wish: Wish, request: RecordObject): number {
  const ptr = argNumber(request, 'ptr');
  const what = ptr % 8;
  if (what === command.MACHPHYS)
    return wish.table === wish.caller ? machineToPhysical(context, wish, ptr) : -errno.EPERM;
  if (what !== command.NORMAL && what !== command.PRESERVE_AD && what !== command.NO_TRANSLATE)
    return -errno.ENOSYS;
  if (isHvm(context, wish.table)) return -errno.EOPNOTSUPP;
  // dom_io is everybody's: permissions of frames decide.
  const mayHave = wish.memory === domids.IO || mayTarget(context, wish.caller, wish.memory);
  if (!mayHave || !mayTarget(context, wish.caller, wish.table)) return -errno.EPERM;
  const at = ptr - what;
  const { whose, owner } = holderOf(context, at);
  if (whose !== 'page-table' && whose !== 'guest') return noPage(context);
  if (owner !== wish.table) return noPage(context);
  // Any other page of the domain is simply written.
  if (whose === 'guest') return 0;
  const entry = entryOf(request['val']);
  if (what === command.NO_TRANSLATE || !isHvm(context, wish.memory) || !isPresent(entry))
    return set(context, wish, { by: 'ptr', at }, entry);
  const frame = machineFrame(context, wish.memory, entry.frame);
  return frame === null ? -errno.EINVAL : set(context, wish, { by: 'ptr', at }, { ...entry, frame });
}

/** The machine frame of a translated domain's memory; null: none, or registers of a device. */
function machineFrame(context: Context, domid: DomainId, gfn: number): number | null {
  const address = gfn * PAGE;
  const range = pieceAt(context.state.iommu.stage2[domid], address);
  return range === undefined ? null : (range.target + address - range.address) / PAGE;
}

function noPage(context: Context): number {
  const text = 'Could not get page for normal update';
  context.emit('xen', 'xen.logged', { level: 'warning', text });
  return -errno.EINVAL;
}

function machineToPhysical(context: Context, { memory }: Wish, ptr: number): number {
  if (isHvm(context, memory)) return -errno.EINVAL;
  const { owner } = holderOf(context, ptr - command.MACHPHYS);
  return owner === memory ? 0 : -errno.EINVAL;
}

/** `get_pg_owner`; a domain may not name itself by number. */
function ownerOfMemory(context: Context, caller: DomainId, domid: number): DomainId | null {
  if (domid === domids.SELF) return caller;
  if (domid === domids.IO || domid === domids.XEN) return domid as DomainId;
  return domid === caller || context.state.domains[domid] === undefined ? null : (domid as DomainId);
}

/** `update_va_mapping` and its sibling for other domains' memory: the caller's own entry for an address. */
const updateVaMapping =
  (memoryOf: (context: Context, caller: DomainId, args: RecordObject) => DomainId | null): HypercallHandler =>
  (context, { caller, args }): Answer => {
    const memory = memoryOf(context, caller, args);
    if (memory === null) return { ret: -errno.ESRCH };
    if (!mayTarget(context, caller, memory)) return { ret: -errno.EPERM };
    const va = argNumber(args, 'va');
    const slot: Slot = { by: 'va', at: va - (va % PAGE) };
    return { ret: set(context, { caller, table: caller, memory }, slot, entryOf(args['val'])) };
  };

const isPresent = ({ flags }: Entry): boolean => (flags & flag.PRESENT) !== 0;

function set(context: Context, wish: Wish, { by, at }: Slot, entry: Entry): number {
  const { ret, flags } = isPresent(entry) ? checkEntry(context, wish, entry) : { ret: 0, flags: entry.flags };
  if (ret !== 0) return ret;
  context.emit('xen', 'pte.changed', {
    domid: wish.table,
    by,
    at: at as PhysicalAddress,
    frame: isPresent(entry) ? (entry.frame as PhysicalAddress) : null,
    flags,
  });
  return 0;
}

/** `{ptr, val}` in order; what is no record counts as zeroes. */
export function requestsOf(value: RecordValue | undefined): RecordObject[] {
  const list = Array.isArray(value) ? (value as readonly RecordValue[]) : [];
  return list.map((one) =>
    typeof one === 'object' && one !== null && !Array.isArray(one) ? (one as RecordObject) : {},
  );
}

/** Hypercalls without sub-operations by which PV domains change page tables. */
export const mmuOperations = {
  mmu_update: { '': modelled(mmuUpdate) },
  update_va_mapping: { '': modelled(updateVaMapping((_context, caller) => caller)) },
  update_va_mapping_otherdomain: {
    '': modelled(
      updateVaMapping((context, caller, args) => ownerOfMemory(context, caller, argNumber(args, 'domid'))),
    ),
  },
} as const;
