import { linuxLog } from '../devices.js';
import { assignBridge, assignBus } from './assign.js';
import { busName, busResources, slot, type TreeBus, type TreeDevice } from './device.js';
import { distribute, distributeAll } from './distribute.js';
import { reenable } from './enable.js';
import type { List } from './extra.js';
import { makeRoom } from './release.js';
import { describe } from './resource.js';
import { sizeWindows } from './window-size.js';
import type { Work } from './work.js';

/** Sizes and places everything once, nothing optional. @source drivers/pci/probe.c of v6.1 (pci_host_probe) */
export function assignOnce(work: Work, root: TreeBus): void {
  sizeWindows(work, root, null);
  assignBus(work, root, null, null);
}

/**
 * Sizes and places what has no place yet. With `pci=realloc` a failure lets windows go and tries again, as often as the
 * tree is deep; the last try alone treats room for later as optional.
 * @source drivers/pci/setup-bus.c of v6.1 (pci_assign_unassigned_root_bus_resources)
 */
export function assignUnassigned(work: Work, root: TreeBus): void {
  const asked = work.context.env.policies['pci-realloc'];
  const detected = asked === 'auto' && !work.preserves && needsRoomForVfs(root);
  let tries = 1;
  if (asked === 'on' || detected) {
    const depth = depthOf(root);
    tries = depth + 1;
    work.logBus(root, `max bus depth: ${depth} pci_try_num: ${tries}`);
  }
  for (let tried = 1; ; tried++) {
    const extra: List | null = tried === tries ? [] : null;
    sizeWindows(work, root, extra);
    distributeAll(root, extra);
    const failed: List = [];
    assignBus(work, root, extra, failed);
    if (failed.length === 0) break;
    if (tried >= tries) {
      if (asked === 'auto' && !work.preserves) work.logBus(root, detected ? AUTOMATIC : TRY_REALLOC);
      break;
    }
    work.logBus(root, `No. ${tried + 1} try to assign unassigned res`);
    makeRoom(work, failed, tried + 1 > 2);
  }
  printAll(work, root);
}

const TRY_REALLOC = 'Some PCI device resources are unassigned, try booting with pci=realloc';
const AUTOMATIC = 'Automatically enabled pci realloc, if you have problem, try booting with pci=realloc=off';

/** Virtual functions whose room has no address on the bus. */
function needsRoomForVfs(bus: TreeBus): boolean {
  return bus.devices.some(
    (device) =>
      device.resources.slice(slot.vf, slot.vfEnd + 1).some((one) => one.flags !== 0 && one.start === 0) ||
      (device.subordinate !== null && needsRoomForVfs(device.subordinate)),
  );
}

function depthOf(bus: TreeBus): number {
  return bus.children.reduce((most, child) => Math.max(most, depthOf(child) + 1), 0);
}

function printAll(work: Work, bus: TreeBus): void {
  for (const { index, resource } of busResources(bus)) {
    if (resource.end === 0 || resource.flags === 0) continue;
    linuxLog(work.context, `pci_bus ${busName(bus)}: resource ${index} ${describe(resource)}`);
  }
  for (const { subordinate } of bus.devices) if (subordinate !== null) printAll(work, subordinate);
}

/**
 * The same below one port after something was plugged in; its own windows may be let go once.
 * @source drivers/pci/setup-bus.c of v6.1 (pci_assign_unassigned_bridge_resources)
 */
export function assignBelowBridge(work: Work, bridge: TreeDevice): void {
  if (bridge.subordinate === null) return;
  for (let tried = 1; ; tried++) {
    const extra: List = [];
    sizeWindows(work, bridge.subordinate, extra);
    distribute(bridge, extra);
    const failed: List = [];
    assignBridge(work, bridge, extra, failed);
    if (failed.length === 0 || tried >= 2) break;
    linuxLog(work.context, `PCI: No. ${tried + 1} try to assign unassigned res`);
    makeRoom(work, failed, true);
  }
  reenable(work, bridge);
}

/** After a rescan: windows of bridges on the bus that have no place yet. @source setup-bus.c (pci_assign_unassigned_bus_resources) */
export function assignAfterRescan(work: Work, bus: TreeBus): void {
  const extra: List = [];
  for (const { subordinate } of bus.devices) if (subordinate !== null) sizeWindows(work, subordinate, extra);
  assignBus(work, bus, extra, null);
}
