import type { PhysicalAddress } from '../../base/brand.js';
import { bridgeOf, type FunctionId } from '../../pci/function-id.js';
import { isX86Doorbell } from '../../pci/x86-message.js';
import { controllerAt, doorbellSize, doorbellStart } from '../../platform/doorbells.js';
import type { MsiController } from '../../platform/platform.js';
import type { Context, Decider } from '../context.js';
import { type HardwareIds, hardwareIds } from '../hardware/smmu/hardware-ids.js';
import { STOPPED, streamDomain, translate } from '../hardware/smmu/translate.js';
import { drop } from '../xen/guest-msi/drop.js';
import { followsRequests } from '../xen/vtd/in-use.js';
import { raise } from './raise.js';
import { requestOnX86 } from './request.js';
import { raiseX86 } from './x86.js';

/**
 * A message leaves its function: through the SMMU by the function's own StreamID, to the doorbell, to the controller.
 * @source facts/arm-msi-iommu 3.3, 6.6
 */
export const decideMsiWrite: Decider<'msi.written'> = (context, { data }) => {
  send(context, data.function, data.address, data.data);
};

/** The same for any writer of a message. */
export function send(context: Context, fn: FunctionId, address: number, data: number): void {
  if (followsRequests(context)) {
    const end = requestOnX86(context, fn, address, 'write', data);
    if (end === 'stopped') drop(context, 'the request was stopped: no local APIC sees it');
    if (end === 'memory') drop(context, 'the address is no doorbell: the message went to memory');
    return;
  }
  const ids = hardwareIds(context.env.platform, fn);
  const before = recordsWaiting(context, ids);
  const target = carry(context, fn, ids, address, data);
  if (target === STOPPED) {
    stopped(context, ids, recordsWaiting(context, ids) > before);
  } else if (target >= 0) {
    reachMemory(context, ids, target);
    drop(context, 'the address is no doorbell: the message went to memory');
  }
}

/** A controller took the write. */
const TAKEN = -2;

/**
 * Carries a write of at most 32 bits to where it ends. What hits a doorbell is a message to its controller, whoever
 * meant it: a controller inside the bridge takes it before any SMMU, x86 takes its window before any translation.
 *
 * @returns `TAKEN`, `STOPPED`, or the address in memory it goes to.
 * @source facts/arm-msi-iommu 5.1, 6.6, 9
 */
export function carry(
  context: Context,
  fn: FunctionId,
  ids: HardwareIds,
  address: number,
  data: number,
): number {
  const { platform } = context.env;
  if (platform.arch === 'x86_64' && isX86Doorbell(address)) {
    raiseX86(context, fn, address, data);
    return TAKEN;
  }
  const inside = insideBridge(context, fn, address);
  if (inside !== null) {
    raise(context, fn, ids, inside, address, data);
    return TAKEN;
  }
  const target = ids.smmu === null ? address : translate(context, ids.smmu, ids.streamId, address, 'write');
  if (target < 0) return STOPPED;
  const controller = controllerAt(platform, target);
  if (controller === null) return target;
  raise(context, fn, ids, controller, target, data);
  return TAKEN;
}

/** The request reached memory at `target`. */
export function reachMemory(context: Context, ids: HardwareIds, target: number): void {
  context.emit('hw', 'dma.completed', {
    streamId: ids.smmu === null ? null : ids.streamId,
    domid: ids.smmu === null ? null : streamDomain(context, ids.smmu, ids.streamId),
    address: target as PhysicalAddress,
  });
}

/** A message the SMMU stopped is lost, unless Xen means to make an interrupt of the fault record. */
function stopped(context: Context, ids: HardwareIds, recorded: boolean): void {
  if (!recorded) {
    const expected = context.env.policies['guest-msi'] === 'fault';
    drop(
      context,
      expected
        ? 'no event record of the write: the interrupt is lost'
        : 'the SMMU stopped the write: the controller sees nothing',
    );
    return;
  }
  const smmu = ids.smmu === null ? undefined : context.state.iommu.smmus[ids.smmu.base];
  const domid = smmu?.streams[ids.streamId]?.domid ?? null;
  context.emit('hw', 'msi.pended', { intid: 0, domid, reason: 'Xen has to read the event record' });
}

/** Records Xen can make interrupts of; 0 in every other design. */
function recordsWaiting(context: Context, ids: HardwareIds): number {
  return ids.smmu === null ? 0 : (context.state.iommu.smmus[ids.smmu.base]?.records.length ?? 0);
}

/** The controller of the function's own bridge when its doorbell stands inside the bridge. @source facts/arm-msi-iommu 5.1 */
function insideBridge(context: Context, fn: FunctionId, address: number): MsiController | null {
  const bridge = context.env.platform.bridges[bridgeOf(fn)];
  if (bridge === undefined) return null;
  const { msiControllers } = context.env.platform;
  for (let i = 0; i < msiControllers.length; i++) {
    const controller = msiControllers[i]!;
    if (controller.node !== bridge.node) continue;
    if (controller.model === 'nwl' && context.env.policies['nwl-doorbell'] !== 'inside-bridge') continue;
    const offset = address - doorbellStart(controller);
    if (offset >= 0 && offset < doorbellSize(controller)) return controller;
  }
  return null;
}
