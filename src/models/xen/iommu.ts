import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { bridgeOf, type FunctionId } from '../../pci/function-id.js';
import { bdfOf, formatSbdf, type XenSbdf } from '../../pci/sbdf.js';
import { mapId } from '../../platform/id-map.js';
import type { Smmu } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { attachStream, detachStream } from '../hardware/smmu/smmu.js';
import { functionBehind } from './config-access.js';
import { domids } from './domains.js';
import { hasVtd, mapContext, unmapContext } from './vtd/contexts.js';

/** Why an IOMMU step failed, with the line Xen logs. */
export interface IommuFailure {
  readonly errno: number;
  readonly reason: string;
}

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
  const missing = platform.smmus.some((smmu) => smmu.model === 'smmuv2') ? errno.ENXIO : errno.ENODEV;
  const map = platform.bridges[bridgeOf(fn)]!.iommuMap;
  if (map === null)
    return { errno: -missing, reason: `no iommu-map: ${formatSbdf(name)} is behind no IOMMU` };
  const mapped = mapId(map, bdfOf(name));
  if ('errno' in mapped)
    return { errno: mapped.errno, reason: `iommu-map cannot translate ${formatSbdf(name)}` };
  const smmu = platform.smmus.find((candidate) => candidate.node === mapped.target);
  return smmu === undefined
    ? { errno: -missing, reason: `no SMMU for ${formatSbdf(name)}` }
    : { smmu, streamId: mapped.id, function: fn };
}

/** Gives a device's streams to `owner`; null when all went well. Without an IOMMU there is nothing to do. */
export function attachToIommu(context: Context, name: XenSbdf, owner: DomainId): IommuFailure | null {
  if (hasVtd(context)) return mapContext(context, name, owner);
  if (context.env.policies.iommu !== 'on' || context.env.platform.arch !== 'arm64') return null;
  const stream = streamOf(context, name);
  if ('errno' in stream) return stream;
  const ret = attachStream(context, stream.smmu, stream.streamId, owner, stream.function);
  return ret === 0
    ? null
    : { errno: ret, reason: `StreamID ${stream.streamId} of ${formatSbdf(name)} refused` };
}

/** Takes a device's streams away: they abort from here on. */
export function detachFromIommu(context: Context, name: XenSbdf): void {
  if (hasVtd(context)) {
    unmapContext(context, name);
    return;
  }
  if (context.env.policies.iommu !== 'on' || context.env.platform.arch !== 'arm64') return;
  const stream = streamOf(context, name);
  if (!('errno' in stream)) detachStream(context, stream.smmu, stream.streamId, stream.function);
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
  if (from !== null) detachFromIommu(context, name);
  return to === domids.IO ? null : attachToIommu(context, name, to);
}
