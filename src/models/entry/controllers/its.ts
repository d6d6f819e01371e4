import type { PhysicalAddress } from '../../../base/brand.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { MsiController } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import type { HardwareIds } from '../../hardware/smmu/hardware-ids.js';
import { itsEvent } from '../../xen/guest-msi/claims.js';
import { deliverEvent, messageText, vectorSending } from '../../xen/guest-msi/deliver.js';
import { driverDomain } from '../../xen/guest-msi/driver-domain.js';
import { drop } from '../../xen/guest-msi/drop.js';

/** GITS_TRANSLATER inside its page; other registers of the page do not exist. @source facts/arm-msi-iommu 3.1 */
const TRANSLATER_OFFSET = 0x40;

/**
 * A write to GITS_TRANSLATER: (DeviceID, EventID) to host LPI on the hardware, host LPI to the domain's virtual LPI in
 * Xen. Whatever is not mapped drops the write; the device sees a completed posted write.
 * @source facts/arm-msi-iommu 3.1, 3.3, 3.5 (gicv3_do_LPI)
 * @cost O(1).
 */
export function raiseIts(
  context: Context,
  fn: FunctionId,
  ids: HardwareIds,
  its: MsiController,
  address: number,
  eventId: number,
): void {
  if (address % 0x1000 !== TRANSLATER_OFFSET) {
    drop(context, 'the write missed GITS_TRANSLATER');
    return;
  }
  const { deviceId } = ids;
  const device = context.state.its.hosts[its.base]?.[deviceId];
  if (device === undefined) {
    drop(context, 'the DeviceID is not mapped on the ITS');
    return;
  }
  const firstLpi = eventId < device.events ? device.firstLpis[eventId >>> 5] : undefined;
  if (firstLpi === undefined) {
    drop(context, 'the EventID is not mapped for this DeviceID');
    return;
  }
  const hostLpi = firstLpi + (eventId & 31);
  const event = itsEvent(deviceId, eventId);
  if (context.state.msi.claims[its.base]?.[event] !== undefined) {
    deliverEvent(context, {
      translator: 'its',
      controller: its.base,
      event,
      eventId,
      intid: hostLpi,
      doorbell: address,
      streamId: ids.smmu === null ? null : ids.streamId,
      deviceId,
      function: fn,
      forgeable: 'device',
      dispatched: null,
    });
    return;
  }
  const vector = vectorSending(context, fn, address, eventId);
  context.emit('hw', 'msi.translated', {
    translator: 'its',
    doorbell: address as PhysicalAddress,
    streamId: ids.smmu === null ? null : ids.streamId,
    deviceId,
    eventId,
    intid: hostLpi,
    owner: device.domid,
    forgeable: 'device',
    asked: vector === undefined ? null : messageText(vector.askedAddress, vector.askedData),
    programmed: vector === undefined ? null : messageText(vector.address, vector.data),
  });
  const connected = context.state.its.lpis[hostLpi];
  if (connected === undefined) {
    context.emit('xen', 'msi.dropped', { reason: 'the host LPI leads to no virtual LPI' });
    return;
  }
  if (!connected.enabled) {
    const { domid, vcpu } = connected;
    if (!connected.pending)
      context.emit('xen', 'lpi.changed', { hostLpi, vcpu, enabled: false, pending: true });
    context.emit('xen', 'msi.pended', { intid: hostLpi, domid, reason: 'the domain has the LPI disabled' });
    return;
  }
  context.emit('xen', 'msi.delivered', {
    domid: connected.domid,
    intid: connected.lpi,
    vector: null,
    event: null,
    function: fn,
    driver: driverDomain(context, fn),
    claimant: null,
  });
}
