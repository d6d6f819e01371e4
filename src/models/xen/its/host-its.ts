import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import type { MsiController } from '../../../platform/platform.js';
import { LPI_BLOCK, LPI_OFFSET, LPIS_PER_CHUNK } from '../../../state/its.js';
import type { Context } from '../../context.js';

/**
 * `gicv3_its_map_guest_device` for a domain whose DeviceIDs equal the host's: maps every event on the real ITS at
 * once, in blocks of 32 LPIs, or removes the device.
 *
 * @returns 0, -EINVAL (DeviceID or events out of range), -EBUSY (mapped already), -ENOENT (nothing to remove),
 *   -ENOSPC (no block left).
 * @source facts/arm-msi-iommu 3.5
 */
export function mapGuestDevice(
  context: Context,
  its: MsiController,
  domid: DomainId,
  deviceId: number,
  wantedEvents: number,
  valid: boolean,
): number {
  if (deviceId >= 2 ** its.deviceIdBits) return -errno.EINVAL;
  const events = Math.max(LPI_BLOCK, roundUpToPowerOfTwo(wantedEvents));
  if (events >= 2 ** its.eventIdBits) return -errno.EINVAL;
  const base = its.base as PhysicalAddress;
  const known = context.state.its.hosts[its.base]?.[deviceId];
  if (known !== undefined && known.domid === domid) {
    if (valid) return -errno.EBUSY;
    context.emit('xen', 'its.unmapped', { its: base, deviceId, failed: false });
    return 0;
  }
  // The look-up tree still holds what a failed mapping freed: the next one finds it.
  if (context.state.its.dangling[its.base]?.[deviceId] === true) return valid ? -errno.EBUSY : 0;
  if (!valid) return -errno.ENOENT;
  context.emit('xen', 'its.mapped', { its: base, deviceId, domid, events });
  for (let block = 0; block < events / LPI_BLOCK; block++) {
    const firstLpi = findBlock(context);
    if (firstLpi === null) {
      context.emit('xen', 'its.unmapped', { its: base, deviceId, failed: true });
      return -errno.ENOSPC;
    }
    context.emit('xen', 'lpi.reserved', { its: base, deviceId, block, firstLpi });
  }
  return 0;
}

/** The host LPI behind an event of a mapped device; null when the device or the event is not mapped. */
export function hostLpiOf(context: Context, its: number, deviceId: number, eventId: number): number | null {
  const device = context.state.its.hosts[its]?.[deviceId];
  if (device === undefined || eventId >= device.events) return null;
  const firstLpi = device.firstLpis[eventId >>> 5];
  return firstLpi === undefined ? null : firstLpi + (eventId & 31);
}

/** `max_lpi_bits` of the command line; 20 unless given. @source facts/arm-msi-iommu 3.5 */
function hostLpiCount(context: Context): number {
  return 2 ** Number(context.env.switches['max-lpi-bits']) - LPI_OFFSET;
}

/**
 * First fit from a moving start, wrapping once: page by page, inside a page block by block. A page that does not exist
 * yet is made and gives its first block.
 * @source facts/arm-msi-iommu 3.5; Xen gic-v3-lpi.c, find_unused_host_lpi
 */
function findBlock(context: Context): number | null {
  const { nextFree } = context.state.its;
  return (
    searchBlock(context, Math.floor(nextFree / LPIS_PER_CHUNK), nextFree % LPIS_PER_CHUNK) ??
    searchBlock(context, 0, 0)
  );
}

function searchBlock(context: Context, firstChunk: number, firstIndex: number): number | null {
  const { blocks, chunks } = context.state.its;
  const chunkCount = Math.floor(hostLpiCount(context) / LPIS_PER_CHUNK);
  let index = firstIndex;
  for (let chunk = firstChunk; chunk < chunkCount; chunk++) {
    const start = chunk * LPIS_PER_CHUNK;
    if (chunks[chunk] === undefined) return LPI_OFFSET + start;
    for (; index < LPIS_PER_CHUNK; index += LPI_BLOCK) {
      if (blocks[Math.floor((start + index) / LPI_BLOCK)] === undefined) return LPI_OFFSET + start + index;
    }
    index = 0;
  }
  return null;
}

function roundUpToPowerOfTwo(count: number): number {
  let power = 1;
  while (power < count) power *= 2;
  return power;
}
