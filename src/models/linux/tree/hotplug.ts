import type { Decider } from '../../context.js';
import { by, disableDevice } from '../devices.js';
import { reportGone } from '../enumerated.js';
import { assignBus } from './assign.js';
import { keepBars, keepRoms, keepWindows } from './claim.js';
import { busRange, isBridge, slot, type TreeBus, type TreeDevice } from './device.js';
import type { List } from './extra.js';
import { flag, has, release } from './resource.js';
import { scanBehind, scanSlot } from './scan.js';
import { assignBelowBridge } from './setup.js';
import { sizeWindows } from './window-size.js';
import { Work } from './work.js';

/** What a slot's driver does when something is there. @source facts/q35-qemu 2.6, 7 */
export const decideSlotUp: Decider<'linux.slot-enabled'> = (context, { data }) => {
  const work = new Work(context);
  const bus = work.bus(data.segment, data.bus);
  if (bus === null) return;
  if (data.method === 'pciehp') nativeUp(work, bus);
  else acpiUp(work, bus, data.device);
  work.settle();
};

/** @source drivers/pci/hotplug/pciehp_pci.c of v6.1 (pciehp_configure_device) */
function nativeUp(work: Work, bus: TreeBus): void {
  const port = bus.self;
  if (port === null || bus.devices.some((one) => one.devfn === 0)) return;
  if (!scanSlot(work, bus, 0)) {
    work.log(port, 'pciehp: No new device found');
    return;
  }
  for (const device of [...bus.devices]) if (isBridge(device)) addBridge(work, bus, device);
  assignBelowBridge(work, port);
}

/** A bridge that came later takes the first free bus number; ports below share the rest. @source probe.c (pci_hp_add_bridge) */
function addBridge(work: Work, bus: TreeBus, bridge: TreeDevice): void {
  let number = bus.number;
  while (number <= bus.end && work.bus(bus.segment, number) !== null) number += 1;
  if (number > bus.end) {
    work.log(bridge, 'No bus number available for hot-added bridge');
    return;
  }
  const highest = scanBehind(work, bus, bridge, number - 1, 0, 0);
  scanBehind(work, bus, bridge, highest, Math.max(bus.end - highest, 0), 1);
}

/** @source drivers/pci/hotplug/acpiphp_glue.c of v6.1 (enable_slot) */
function acpiUp(work: Work, bus: TreeBus, device: number): void {
  scanSlot(work, bus, device << 3);
  const extra: List = [];
  let highest = bus.children.reduce((most, child) => Math.max(most, child.end), bus.number);
  for (const pass of [0, 1] as const) {
    for (const bridge of bus.devices.filter(isBridge)) {
      if (bridge.devfn >>> 3 !== device) continue;
      highest = scanBehind(work, bus, bridge, highest, 0, pass);
      if (pass === 0 || bridge.subordinate === null) continue;
      bridge.hotplug = true;
      if (work.isX86) surveyBelow(work, bridge.subordinate);
      sizeWindows(work, bridge.subordinate, extra);
    }
  }
  assignBus(work, bus, extra, null);
  // A device one of whose resources found no place is no use.
  for (const one of [...bus.devices]) {
    const isUnplaced = one.resources
      .slice(0, slot.io)
      .some((resource) => has(resource, flag.io | flag.mem) && resource.start === 0 && resource.end !== 0);
    if (isUnplaced) removeDevice(work, one);
  }
}

/** @source arch/x86/pci/i386.c of v6.1 (pcibios_resource_survey_bus) */
function surveyBelow(work: Work, bus: TreeBus): void {
  keepWindows(work, bus);
  keepBars(work, bus, true);
  keepBars(work, bus, false);
  keepRoms(work, bus);
}

export const decideSlotDown: Decider<'linux.slot-disabled'> = (context, { data }) => {
  const work = new Work(context);
  const bus = work.bus(data.segment, data.bus);
  if (bus === null) return;
  const gone = bus.devices.filter(({ devfn }) => data.method === 'pciehp' || devfn >>> 3 === data.device);
  for (const device of gone.toReversed()) {
    const beforeDrop = (): void => {
      if (data.method !== 'pciehp') return;
      const command = work.read(device, 0x04, 2);
      work.write(device, 0x04, 2, (command & ~0x104) | 0x400);
    };
    removeDevice(work, device, beforeDrop);
  }
  work.settle();
};

/**
 * Drivers let go first, from the leaves up; then every object goes, with its bus and its place among resources, and Xen
 * is told. @source drivers/pci/remove.c of v6.1; facts/dom0 2.1
 */
export function removeDevice(work: Work, device: TreeDevice, beforeDrop: () => void = () => {}): void {
  stop(work, device);
  drop(work, device, beforeDrop);
}

function stop(work: Work, device: TreeDevice): void {
  for (const below of device.subordinate?.devices.toReversed() ?? []) stop(work, below);
  const { context } = work;
  const known = context.state.linux.devices[device.sbdf];
  if (known?.driver == null) return;
  disableDevice(context, device.sbdf);
  context.emit(by(context), 'linux.driver-changed', { sbdf: device.sbdf, driver: null });
}

function drop(work: Work, device: TreeDevice, beforeDrop: () => void): void {
  const { context } = work;
  const { subordinate, bus } = device;
  if (subordinate !== null) {
    for (const below of [...subordinate.devices]) drop(work, below, () => {});
    work.logBus(subordinate, `busn_res: ${busRange(subordinate.number, subordinate.end)} is released`);
    const { segment, number } = subordinate;
    context.emit(by(context), 'linux.bus-removed', { segment, bus: number });
    bus.children = bus.children.filter((child) => child !== subordinate);
    device.subordinate = null;
  }
  reportGone(context, device.sbdf);
  beforeDrop();
  for (const one of device.resources) release(one);
  bus.devices = bus.devices.filter((other) => other !== device);
  context.emit(by(context), 'linux.removed', { sbdf: device.sbdf });
}
