import type { PhysicalAddress } from '../../base/brand.js';
import type { FunctionId } from '../../pci/function-id.js';
import type { MsiController } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { deliverEvent, isForced } from '../msi/deliver.js';
import { drop } from '../msi/drop.js';
import { bridgeHasStep } from './bridge-init.js';

/** Events of one bridge: two status registers of 32 bits. @source facts/arm-msi-iommu 5.1 */
export const NWL_EVENTS = 64;

/** Offsets in the breg block. @source facts/arm-msi-iommu 5.1 */
export const nwlRegisters = {
  BRCFG_PCIE_RX0: 0x000,
  BRCFG_PCIE_RX1: 0x004,
  BRCFG_INTERRUPT: 0x010,
  BRCFG_PCIE_RX_MSG_FILTER: 0x020,
  E_BREG_CAP: 0x200,
  E_BREG_CONTROL: 0x208,
  E_BREG_BASE_LO: 0x210,
  E_BREG_BASE_HI: 0x214,
  E_ECAM_CAP: 0x220,
  E_ECAM_CONTROL: 0x228,
  E_ECAM_BASE_LO: 0x230,
  E_ECAM_BASE_HI: 0x234,
  I_MSII_CAP: 0x300,
  I_MSII_CONTROL: 0x308,
  I_MSII_BASE_LO: 0x310,
  I_MSII_BASE_HI: 0x314,
  I_ISUB_CONTROL: 0x3e8,
  MSGF_MISC_STATUS: 0x400,
  MSGF_MISC_MASK: 0x404,
  MSGF_LEG_STATUS: 0x420,
  MSGF_LEG_MASK: 0x424,
  MSGF_MSI_STATUS_LO: 0x440,
  MSGF_MSI_STATUS_HI: 0x444,
  MSGF_MSI_MASK_LO: 0x448,
  MSGF_MSI_MASK_HI: 0x44c,
} as const;

/**
 * A message into the MSI window of an NWL bridge: its bit in the status registers, nothing about the sender. A bit
 * that is still set swallows the next message.
 */
export function latchNwl(context: Context, fn: FunctionId, bridge: MsiController, data: number): void {
  if (!bridgeHasStep(context, bridge.node, 'msi')) {
    drop(context, 'the MSI window of the bridge is not enabled yet');
    return;
  }
  if (data >= NWL_EVENTS) {
    drop(context, 'the bridge has 64 events');
    return;
  }
  latch(context, bridge, data, data, fn);
}

/** The handlers of msi0 and msi1: every set bit is cleared and passed on. @source facts/arm-msi-iommu 5.1 (defect) */
export function serviceNwl(context: Context, bridge: MsiController): void {
  for (const { event, function: fn } of drain(context, bridge)) {
    const wrong = !isForced(context) && context.env.switches['nwl-hi-handler'] === 'as-built' && event >= 32;
    deliverEvent(context, {
      translator: 'nwl',
      controller: bridge.base,
      event,
      eventId: event,
      intid: bridge.spiBase === 0 ? event : bridge.spiBase + (event >>> 5),
      doorbell: bridge.doorbell,
      streamId: null,
      deviceId: null,
      function: fn,
      forgeable: 'bridge',
      dispatched: wrong ? event - 32 : event,
    });
  }
}

/** Keeps a message under `slot` until the handler reads it. */
export function latch(
  context: Context,
  controller: MsiController,
  slot: number,
  event: number,
  fn: FunctionId,
): void {
  context.emit('hw', 'msi.latched', {
    controller: controller.base as PhysicalAddress,
    slot,
    event,
    function: fn,
    merged: context.state.msi.latched[controller.base]?.[slot]?.count ?? 0,
  });
}

/** Reads and clears what a controller kept, in the order of the slots. */
export function drain(
  context: Context,
  controller: MsiController,
): readonly { readonly event: number; readonly function: FunctionId }[] {
  const kept = context.state.msi.latched[controller.base];
  if (kept === undefined) return [];
  const waiting = Object.values(kept).map(({ event, function: fn }) => ({ event, function: fn }));
  context.emit('xen', 'msi.drained', { controller: controller.base as PhysicalAddress });
  return waiting;
}
