import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { mapSpace } from '../../events/abi/memory-op.js';
import type { RecordObject, RecordValue } from '../../events/field.js';
import type { Context } from '../context.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { isHvm, mayActAsDeviceModel, resolveDomain } from './domains.js';
import { acquireResource } from './ioreq/pages.js';
import { isPermitted } from './permissions.js';

const spaceNames = new Map<number, string>(Object.entries(mapSpace).map(([name, nr]) => [nr, name]));
/** Highest frame number an address of 52 bits has. */
const MAX_FRAME = 2 ** 40;

const isTranslated = (context: Context, domid: DomainId): boolean =>
  isHvm(context, domid) || context.state.domains[domid]?.type === 'arm';

/** `xatp_permission_check`, then one page. @source xen/common/memory.c, facts/xen 1.2 (dev_mmio) */
function place(
  context: Context,
  caller: DomainId,
  domid: DomainId,
  space: number,
  idx: number,
  gfn: number,
): number {
  const isArm = context.env.platform.arch === 'arm64';
  if (space === mapSpace.dev_mmio && (!isArm || domid !== caller))
    return isArm ? -errno.EACCES : -errno.EINVAL;
  if (domid !== caller && !mayActAsDeviceModel(context, caller, domid)) return -errno.EPERM;
  if (!isTranslated(context, domid)) return -errno.EACCES;
  const name = spaceNames.get(space);
  if (name === undefined || gfn >= MAX_FRAME || idx >= MAX_FRAME) return -errno.EINVAL;
  // A frame the domain may not use is no error: Xen answers 0 and maps nothing (facts/xen 1.2).
  if (space === mapSpace.dev_mmio && !isPermitted(context, domid, 'iomem', idx)) return 0;
  const frame = gfn as PhysicalAddress;
  context.emit('xen', 'page.placed', { domid, space: name, idx: idx as PhysicalAddress, gfn: frame });
  return 0;
}

/** XENMEM_add_to_physmap: another domain's frames come through the batched form only. */
const addToPhysmap: HypercallHandler = (context, { caller, args }) => {
  const space = argNumber(args, 'space');
  if (space === mapSpace.gmfn_foreign) return { ret: -errno.ENOSYS };
  const domid = resolveDomain(context, caller, argNumber(args, 'domid'));
  if (domid === null) return { ret: -errno.ESRCH };
  return { ret: place(context, caller, domid, space, argNumber(args, 'idx'), argNumber(args, 'gpfn')) };
};

/** The handles of the structure stand for the lists behind them: `idxs` and `gpfns` in, `errs` out. */
const addToPhysmapBatch: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'domid'));
  if (domid === null) return { ret: -errno.ESRCH };
  const [idxs, gpfns] = [list(args, 'idxs'), list(args, 'gpfns')];
  const space = argNumber(args, 'space');
  const errs: number[] = [];
  for (let i = 0; i < Math.min(argNumber(args, 'size') & 0xffff, idxs.length, gpfns.length); i++)
    errs.push(place(context, caller, domid, space, idxs[i]!, gpfns[i]!));
  return { ret: 0, out: { ...args, errs } };
};

const list = (args: RecordObject, name: string): number[] => {
  const value = args[name];
  if (!Array.isArray(value)) return [];
  return (value as readonly RecordValue[]).map((item) => (typeof item === 'number' && item >= 0 ? item : 0));
};

const removeFromPhysmap: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'domid'));
  if (domid === null) return { ret: -errno.ESRCH };
  if (!isTranslated(context, domid)) return { ret: -errno.EACCES };
  if (domid !== caller && !mayActAsDeviceModel(context, caller, domid)) return { ret: -errno.EPERM };
  const gfn = argNumber(args, 'gpfn');
  if (context.state.physmap[domid]?.pages[gfn] === undefined) return { ret: -errno.ENOENT };
  const at = gfn as PhysicalAddress;
  context.emit('xen', 'page.placed', { domid, space: 'none', idx: 0 as PhysicalAddress, gfn: at });
  return { ret: 0 };
};

/** XENMEM_reserved_device_memory_map: no platform here has reserved regions. */
const reservedDeviceMemoryMap: HypercallHandler = (context, { args }) => {
  if (context.env.platform.arch === 'arm64') return { ret: -errno.ENOSYS };
  if ((argNumber(args, 'flags') & ~1) !== 0) return { ret: -errno.EINVAL };
  return { ret: 0, out: { ...args, nr_entries: 0 } };
};

/** `memory_op` sub-operations that passthrough needs. @source facts/xen 1.2; xen/common/memory.c */
export const memoryOperations: OperationTable = {
  add_to_physmap: addToPhysmap,
  add_to_physmap_batch: addToPhysmapBatch,
  remove_from_physmap: removeFromPhysmap,
  reserved_device_memory_map: reservedDeviceMemoryMap,
  acquire_resource: acquireResource,
};
