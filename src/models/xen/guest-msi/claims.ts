import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { MsiMessage } from '../../../pci/msi.js';
import { encodeRemappable, xenHostMessage } from '../../../pci/x86-message.js';
import { xgene, xgeneMessage } from '../../../pci/xgene-msi.js';
import { v2mData } from '../../../platform/gicv2m.js';
import { AXI_VECTORS, NWL_EVENTS } from '../../../platform/msi-controllers.js';
import type { MsiController } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import { hardwareIds } from '../../hardware/smmu/hardware-ids.js';

/** x86: stands for the interrupt path of the whole machine in Xen's table of events. */
export const X86_CONTROLLER = 0xfee0_0000;
/** Dynamic vectors above the legacy ones. @source Xen asm/irq-vectors.h: 0x20 to 0xef, the first 16 legacy */
const X86_FIRST_VECTOR = 0x30;
const X86_LAST_VECTOR = 0xef;
/** Remapping entries Xen's tables have room for at most. @source facts/arm-msi-iommu 7.3: index bits 15:0 */
const REMAPPING_ENTRIES = 0x1_0000;

/** What Xen's MSI manager allocates from: the controller of a function. */
export interface Pool {
  /** Base of the controller; its key in the table of claims. */
  readonly base: PhysicalAddress;
  /** First event and how many; an ITS numbers `DeviceID << 16 | EventID`. */
  readonly first: number;
  readonly count: number;
  /** Message that raises an event. */
  message(event: number): MsiMessage;
}

/** ITS events of one device, as Xen numbers them in its table. */
export const itsEvent = (deviceId: number, eventId: number): number => deviceId * 0x1_0000 + eventId;

const plain = (address: number, data: number): MsiMessage => ({
  addressLow: address % 2 ** 32,
  addressHigh: Math.floor(address / 2 ** 32),
  data,
});

/**
 * The events Xen can give a function. On an ITS they are the function's own, by the DeviceID Xen believes it to have;
 * elsewhere every device of the frame or bridge draws from one pool.
 * @source facts/arm-msi-iommu 5.3, 7.3
 */
export function poolOf(context: Context, fn: FunctionId, deviceId: number): Pool | null {
  if (context.env.platform.arch === 'x86_64') return x86Pool(context);
  const controller = controllerOf(context, fn);
  if (controller === null) return null;
  const base = controller.base as PhysicalAddress;
  switch (controller.model) {
    case 'its':
      return {
        base,
        first: itsEvent(deviceId, 0),
        count: 32,
        message: (event) => plain(controller.doorbell, event % 0x1_0000),
      };
    case 'gicv2m':
      return {
        base,
        first: controller.spiBase,
        count: controller.spiCount,
        message: (event) => plain(controller.doorbell, v2mData(controller, event)),
      };
    case 'nwl':
      return { base, first: 0, count: NWL_EVENTS, message: (event) => plain(controller.doorbell, event) };
    case 'axi':
      return { base, first: 0, count: AXI_VECTORS, message: (event) => plain(controller.doorbell, event) };
    case 'xgene':
      return {
        base,
        first: 0,
        count: xgene.vectors,
        message: (event) => xgeneMessage(controller.base, event) ?? plain(controller.base, 0),
      };
  }
}

function x86Pool(context: Context): Pool {
  const base = X86_CONTROLLER as PhysicalAddress;
  return context.env.policies['interrupt-remapping'] === 'on'
    ? {
        base,
        first: 0,
        count: REMAPPING_ENTRIES,
        message: (event) => encodeRemappable({ index: event, subhandleValid: false, subhandle: 0 }),
      }
    : {
        base,
        first: X86_FIRST_VECTOR,
        count: X86_LAST_VECTOR - X86_FIRST_VECTOR + 1,
        message: (event) => xenHostMessage(0, event),
      };
}

const modelOfPolicy: Readonly<Record<string, MsiController['model']>> = {
  its: 'its',
  gicv2m: 'gicv2m',
  'nwl-trap': 'nwl',
  xgene: 'xgene',
};

/** The controller a function's messages are for: of the kind the policy names where the platform has one. */
export function controllerOf(context: Context, fn: FunctionId): MsiController | null {
  const { platform, policies } = context.env;
  const wired = hardwareIds(platform, fn).msi;
  const wanted = modelOfPolicy[policies.msi];
  if (wired !== null && wired.model === wanted) return wired;
  return platform.msiControllers.find((known) => known.model === wanted) ?? wired;
}

/**
 * Takes `count` (a power of two) free events in a row, aligned to their number, and gives them to the vectors from
 * `vector` on: the lowest ones, so that an event freed a moment ago is the next one given away.
 *
 * @returns The first event, or null when the pool has no such block.
 */
export function claimEvents(
  context: Context,
  pool: Pool,
  domid: DomainId,
  fn: FunctionId,
  vector: number,
  count: number,
): number | null {
  const claims = context.state.msi.claims[pool.base] ?? {};
  for (let first = pool.first; first + count <= pool.first + pool.count; first++) {
    if (first % count !== 0) continue;
    let free = 0;
    while (free < count && claims[first + free] === undefined) free++;
    if (free < count) continue;
    for (let i = 0; i < count; i++) {
      context.emit('xen', 'event.claimed', {
        controller: pool.base,
        event: first + i,
        domid,
        function: fn,
        vector: vector + i,
      });
    }
    return first;
  }
  return null;
}
