import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { errno } from '../../base/errno.js';
import { bridgeOf, type FunctionId } from '../../pci/function-id.js';
import { bdfOf, formatSbdf, type XenSbdf } from '../../pci/sbdf.js';
import { mapId } from '../../platform/id-map.js';
import type { Smmu } from '../../platform/platform.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { ReadonlyWorld } from '../../state/world.js';
import type { Context } from '../context.js';
import { cutStreamId } from '../hardware/smmu/hardware-ids.js';
import { attachStream, detachStream } from '../hardware/smmu/smmu.js';
import { functionBehind } from './config-access.js';
import { hardwareDomain } from './domains.js';
import type { IommuFailure } from './iommu-failure.js';
import { mapContext, unmapContext } from './vtd/contexts.js';
import { hasVtd } from './vtd/in-use.js';

type ReadonlyStreamEntry = ReadonlyWorld['iommu']['smmus'][number]['streams'][number];

/** The stream Xen believes a name to have. */
interface Stream {
  readonly smmu: Smmu;
  readonly streamId: number;
  readonly function: FunctionId;
}

/**
 * `iommu_add_dt_pci_sideband_ids`: the segment chooses the bridge, the BDF goes through that bridge's `iommu-map`.
 * An id no entry covers passes unchanged with no target, and the SMMU driver then finds no SMMU.
 * @source facts/arm-msi-iommu 1.4, 6.4; facts/xen 7.4
 */
function streamOf(context: Context, name: XenSbdf): Stream | IommuFailure {
  const { platform } = context.env;
  const fn = functionBehind(context.state, context.env, name);
  if (fn === null) {
    return { errno: -errno.ENODEV, reason: `Unable to find PCI bridge for ${formatSbdf(name)}` };
  }
  const missing = hasSmmuV2(context) ? errno.ENXIO : errno.ENODEV;
  const map = platform.bridges[bridgeOf(fn)]!.iommuMap;
  if (map === null)
    return { errno: -missing, reason: `no iommu-map: ${formatSbdf(name)} is behind no IOMMU` };
  const mapped = mapId(map, bdfOf(name));
  if ('errno' in mapped && mapped.errno === -errno.ENODEV && isArmAsItRuns(context))
    return { errno: -missing, reason: `no SMMU for ${formatSbdf(name)}` };
  if ('errno' in mapped)
    return { errno: mapped.errno, reason: `iommu-map cannot translate ${formatSbdf(name)}` };
  const smmu = platform.smmus.find((candidate) => candidate.node === mapped.target);
  return smmu === undefined
    ? { errno: -missing, reason: `no SMMU for ${formatSbdf(name)}` }
    : { smmu, streamId: mapped.id, function: fn };
}

/**
 * Gives a device's streams to `owner`; null when all went well. Without an IOMMU there is nothing to do.
 * @param type - Xen's type of a device that it is about to register
 */
export function attachToIommu(
  context: Context,
  name: XenSbdf,
  owner: DomainId,
  type?: string,
): IommuFailure | null {
  if (hasVtd(context)) {
    const isMapped = type !== undefined && hasBehaviour(context.env.behaviour, 'adds-are-mapped');
    return mapContext(context, name, owner, isMapped ? { type, owner } : undefined);
  }
  if (context.env.policies.iommu !== 'on' || context.env.platform.arch !== 'arm64') return null;
  const stream = streamOf(context, name);
  if ('errno' in stream) return stream;
  if (hasIdsLeft(context, name))
    return { errno: -errno.EEXIST, reason: `ids of ${formatSbdf(name)} are left` };
  const ret = attachStream(context, stream.smmu, stream.streamId, owner, stream.function);
  return ret === 0
    ? null
    : { errno: ret, reason: `StreamID ${stream.streamId} of ${formatSbdf(name)} refused` };
}

/**
 * A report that failed once the ids were found leaves them behind; the next one meets them, fails and takes them away.
 * @source xen/drivers/passthrough/device_tree.c, iommu_add_dt_pci_sideband_ids; smmu-v3.c, arm_smmu_add_device
 *   @RELEASE-4.22.0
 */
function hasIdsLeft(context: Context, name: XenSbdf): boolean {
  const device = context.state.xen.devices[name];
  if (device === undefined || device.owner !== null || !isArmAsItRuns(context)) return false;
  return (device.refusals ?? 0) % 2 === 1;
}

/** Takes a device's streams away: they abort from here on. */
export function detachFromIommu(context: Context, name: XenSbdf): IommuFailure | null {
  if (hasVtd(context)) return unmapContext(context, name);
  if (context.env.policies.iommu !== 'on' || context.env.platform.arch !== 'arm64') return null;
  const stream = streamOf(context, name);
  if (!('errno' in stream)) detachStream(context, stream.smmu, stream.streamId, stream.function);
  return null;
}

/**
 * Moves a device's streams: abort first, then the new owner's stage 2; dom_io leaves them aborted (quarantine). VT-d
 * writes the new entry over the old one.
 */
export function moveStreams(
  context: Context,
  name: XenSbdf,
  from: DomainId | null,
  to: DomainId,
): IommuFailure | null {
  if (hasVtd(context)) return mapContext(context, name, to);
  if (isArmAsItRuns(context)) return moveArmStreams(context, name, from, to);
  if (from !== null) detachFromIommu(context, name);
  return to === domids.IO ? null : attachToIommu(context, name, to);
}

/**
 * dom_io stands for quarantine. An assignment takes streams to it only where quarantine is on; a guest that gives a
 * device back loses them in any case. An assignment detaches nobody: the SMMUv3 driver does so itself while it
 * attaches, the SMMUv2 driver refuses a device that is attached.
 * @source xen/drivers/passthrough/arm/smmu-v3.c and smmu.c, arm_smmu_assign_dev, arm_smmu_reassign_dev,
 *   arm_smmu_attach_dev @RELEASE-4.22.0
 */
function moveArmStreams(
  context: Context,
  name: XenSbdf,
  from: DomainId | null,
  to: DomainId,
): IommuFailure | null {
  const isGivenBack = from !== null && from !== domids.IO && from !== hardwareDomain(context);
  if (to === domids.IO) {
    if (isGivenBack || context.env.policies.quarantine !== 'none') detachFromIommu(context, name);
    return null;
  }
  if (isGivenBack) detachFromIommu(context, name);
  const isAttached = from === hardwareDomain(context) || entryOf(context, name)?.config === 'stage2';
  if (from !== null && isAttached && hasSmmuV2(context))
    return { errno: -errno.EEXIST, reason: 'already attached to IOMMU domain' };
  return attachToIommu(context, name, to);
}

/** Whether the stream Xen believes a device to have goes through that domain's stage 2; a device without a stream counts. */
export function holdsStreams(context: Context, name: XenSbdf, domid: DomainId): boolean {
  const entry = entryOf(context, name);
  return entry === null || entry.config !== 'stage2' || entry.domid === domid;
}

/** The entry that was written for a device; null for none, and where another function has it by now. */
function entryOf(context: Context, name: XenSbdf): ReadonlyStreamEntry | null {
  const stream = streamOf(context, name);
  if ('errno' in stream) return null;
  const { smmu, streamId, function: fn } = stream;
  const entry = context.state.iommu.smmus[smmu.base]?.streams[cutStreamId(smmu, streamId)];
  return entry === undefined || entry.function !== fn ? null : entry;
}

/** ARM as of 0.3.0, with an IOMMU at work. */
export const isArmAsItRuns = ({ env }: Context): boolean =>
  env.platform.arch === 'arm64' &&
  env.policies.iommu === 'on' &&
  hasBehaviour(env.behaviour, 'arm-as-it-runs');

/** Xen has one driver for all IOMMUs of a machine. */
const hasSmmuV2 = ({ env }: Context): boolean => env.platform.smmus.some(({ model }) => model === 'smmuv2');

/**
 * `iommu_remove_device`: the SMMUv3 driver has no such operation and Xen jumps to address 0; the SMMUv2 driver forgets
 * the device and leaves its stream match as it is.
 * @returns null where nothing was refused; Xen may have stopped
 * @source xen/drivers/passthrough/pci.c, iommu_remove_device; xen/drivers/passthrough/arm/smmu-v3.c,
 *   arm_smmu_iommu_ops @RELEASE-4.21.0, RELEASE-4.22.0
 */
export function removeFromIommu(context: Context, name: XenSbdf): IommuFailure | null {
  if (!isArmAsItRuns(context)) return detachFromIommu(context, name);
  if (hasSmmuV2(context)) return null;
  const reason = `Panic on CPU 0: instruction abort at PC 0, the IOMMU driver has no remove_device (${formatSbdf(name)})`;
  context.emit('xen', 'xen.panicked', { reason });
  return null;
}
