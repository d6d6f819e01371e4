import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import { hex } from '../../../base/hex.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { Smmu } from '../../../platform/platform.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { cutStreamId } from './hardware-ids.js';

/** Stream match registers of an SMMUv2: the most the architecture allows. @source facts/arm-msi-iommu 6.5 (SMR n at 0x800 + 4n up to S2CR at 0xc00) */
const STREAM_MATCHES = 128;
/** VMIDs of one SMMUv3 with 16-bit VMIDs; 0 stays reserved. @source Xen smmu-v3.c, arm_smmu_init_strtab sets bit 0 of the map */
const VMIDS = 1 << 16;

/**
 * Xen gives a stream to a domain. SMMUv3: abort first when the same device holds the entry, then stage 2 with the VMID
 * of the domain on this SMMU; an entry another device holds is a BUG and Xen stops. SMMUv2: the entry of that
 * 15-bit id is rewritten for the new domain, whoever used it.
 *
 * @param streamId The StreamID Xen computed from its own bridge for the device; the device may send another one.
 * @param fn The function Xen believes to be that device.
 * @returns 0, or -ERANGE (id beyond the stream table), -ENOSPC (no VMID, no stream match left). After a BUG the
 *   return value is -EBUSY and `state.xen.panicked` is set: nothing more follows.
 * @source facts/arm-msi-iommu 6.4, 6.5
 */
export function attachStream(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId,
  fn: FunctionId | null,
): number {
  return smmu.model === 'smmuv2'
    ? attachMatch(context, smmu, cutStreamId(smmu, streamId), domid, fn)
    : attachEntry(context, smmu, streamId, domid, fn);
}

/**
 * Xen takes a stream from its domain: abort (SMMUv3) or fault (SMMUv2, for every device of that 15-bit id).
 * A stream nobody holds stays as it is.
 */
export function detachStream(context: Context, smmu: Smmu, streamId: number, fn: FunctionId | null): void {
  const id = cutStreamId(smmu, streamId);
  const entry = context.state.iommu.smmus[smmu.base]?.streams[id];
  if (entry === undefined || entry.config !== 'stage2') return;
  context.emit('xen', 'iommu.programmed', {
    smmu: smmu.base as PhysicalAddress,
    streamId: id,
    config: smmu.model === 'smmuv2' ? 'fault' : 'abort',
    domid: null,
    vmid: null,
    step: 'detach',
    function: fn,
  });
}

function attachEntry(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId,
  fn: FunctionId | null,
): number {
  if (streamId >= 2 ** smmu.streamIdBits) return -errno.ERANGE;
  const entry = context.state.iommu.smmus[smmu.base]?.streams[streamId];
  if (entry?.config === 'stage2') {
    if (entry.function !== fn) {
      context.emit('xen', 'xen.panicked', {
        reason: `BUG: stream table entry ${hex(streamId)} of SMMU ${hex(smmu.base)} is live for d${entry.domid}`,
      });
      return -errno.EBUSY;
    }
    program(context, smmu, streamId, 'abort', null, null, fn);
  }
  const vmid = vmidFor(context, smmu, domid);
  if (vmid === null) return -errno.ENOSPC;
  program(context, smmu, streamId, 'stage2', domid, vmid, fn);
  return 0;
}

function attachMatch(
  context: Context,
  smmu: Smmu,
  streamId: number,
  domid: DomainId,
  fn: FunctionId | null,
): number {
  const streams = context.state.iommu.smmus[smmu.base]?.streams ?? {};
  if (streams[streamId] === undefined && Object.keys(streams).length >= STREAM_MATCHES) return -errno.ENOSPC;
  const bank = vmidFor(context, smmu, domid);
  if (bank === null) return -errno.ENOSPC;
  program(context, smmu, streamId, 'stage2', domid, bank, fn);
  return 0;
}

/** The domain's VMID on this SMMU, or the lowest free one; null when all are taken. */
function vmidFor(context: Context, smmu: Smmu, domid: DomainId): number | null {
  const contexts = context.state.iommu.smmus[smmu.base]?.contexts ?? {};
  const own = contexts[domid];
  if (own !== undefined) return own.vmid;
  const taken = new Set(Object.values(contexts).map((used) => used.vmid));
  // An SMMUv2 has the number of the context bank plus one; recordings up to 0.2.0 have the bank.
  const first = smmu.model === 'smmuv2' && !hasBehaviour(context.env.behaviour, 'arm-as-it-runs') ? 0 : 1;
  for (let vmid = first; vmid < VMIDS; vmid++) if (!taken.has(vmid)) return vmid;
  return null;
}

function program(
  context: Context,
  smmu: Smmu,
  streamId: number,
  config: 'abort' | 'stage2',
  domid: DomainId | null,
  vmid: number | null,
  fn: FunctionId | null,
): void {
  context.emit('xen', 'iommu.programmed', {
    smmu: smmu.base as PhysicalAddress,
    streamId,
    config,
    domid,
    vmid,
    step: 'attach',
    function: fn,
  });
}
