import { bridgeOf, type FunctionId, functionBdf } from '../../../pci/function-id.js';
import { mapId } from '../../../platform/id-map.js';
import type { MsiController, Platform, Smmu } from '../../../platform/platform.js';

/** What accompanies the writes of one function on the wire: decided by its bridge, never by a segment number. */
export interface HardwareIds {
  /** SMMU the bridge's requests pass and the StreamID they carry; null when no SMMU stands in the way. */
  readonly smmu: Smmu | null;
  readonly streamId: number;
  /** MSI controller that takes the function's messages by DeviceID; null without `msi-map`. */
  readonly msi: MsiController | null;
  /** DeviceID on the wire; the RID when no map entry covers it. */
  readonly deviceId: number;
  /** Whether an entry of `msi-map` covered the RID. */
  readonly deviceIdCovered: boolean;
}

const tables = new WeakMap<Platform, Map<FunctionId, HardwareIds>>();
/** Hostile traces may name any function; what is remembered stays bounded. */
const REMEMBERED = 1 << 16;

/**
 * StreamID and DeviceID the hardware attaches to a function's requests.
 * @source facts/arm-msi-iommu 1.4, 1.5, 6.5
 * @cost O(map entries) the first time, O(1) after.
 */
export function hardwareIds(platform: Platform, fn: FunctionId): HardwareIds {
  let table = tables.get(platform);
  if (table === undefined) {
    table = new Map();
    tables.set(platform, table);
  }
  let ids = table.get(fn);
  if (ids === undefined) {
    ids = computeIds(platform, fn);
    if (table.size >= REMEMBERED) table.clear();
    table.set(fn, ids);
  }
  return ids;
}

function computeIds(platform: Platform, fn: FunctionId): HardwareIds {
  const bridge = platform.bridges[bridgeOf(fn)];
  const rid = functionBdf(fn);
  if (bridge === undefined) {
    return { smmu: null, streamId: rid, msi: null, deviceId: rid, deviceIdCovered: false };
  }
  const stream = bridge.iommuMap === null ? null : mapId(bridge.iommuMap, rid);
  const smmu =
    stream === null || 'errno' in stream
      ? null
      : (platform.smmus.find((candidate) => candidate.node === stream.target) ?? null);
  const streamId = stream === null || 'errno' in stream ? rid : stream.id;
  const device = bridge.msiMap === null ? null : mapId(bridge.msiMap, rid);
  const target = device === null || 'errno' in device ? (bridge.msiParents[0] ?? null) : device.target;
  return {
    smmu,
    streamId: smmu === null ? streamId : cutStreamId(smmu, streamId),
    msi: platform.msiControllers.find((controller) => controller.node === target) ?? null,
    deviceId: device === null || 'errno' in device ? rid : device.id,
    deviceIdCovered: device !== null && !('errno' in device) && device.target !== null,
  };
}

/** An SMMUv2 sees 15 bits, so that an out-base of 0x10000 disappears. @source facts/arm-msi-iommu 6.5 */
export function cutStreamId(smmu: Smmu, streamId: number): number {
  return smmu.model === 'smmuv2' ? streamId & 0x7fff : streamId >>> 0;
}
