import { barOffset, barType, reg } from '../../../pci/header.js';
import { resetChipset } from '../chipset/reset.js';
import { portType } from '../image.js';
import { functionsOn, imageOf, type QemuMachine } from '../machine.js';
import { resetShpc } from '../plugging/shpc.js';
import { express, resetSlot } from '../plugging/slot.js';
import { change16, get8, set8, set16, set32 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { resetRootErrors, updateRootVector } from './aer.js';
import { setIntx } from './intx.js';
import { updateMappings } from './mapping.js';
import { resetMsi } from './msi.js';
import { resetMsix } from './msix.js';
import { resetSriov } from './sriov.js';

/**
 * Function level reset, or loss of power: everything below, the device's own reset, then its header. Vendor bytes
 * from 0x40 on are left alone, and a bridge's windows stay mapped until its registers are written again.
 * @source facts/q35-qemu 1.2
 */
export function resetFunction(machine: QemuMachine, fn: FunctionState): void {
  resetDeviceTree(machine, fn);
  resetHeader(machine, fn);
}

/**
 * Secondary bus reset: every function below, recursively, before the write that asked for it returns. The devices
 * reset newest first, their headers by device number.
 * @source measured: order of the BARs unmapped when an upstream port with two populated ports below is reset
 */
export function resetBus(machine: QemuMachine, bus: number): void {
  const newestFirst = Object.values(machine.state.buses[bus]?.devices ?? {}).sort((a, b) => b - a);
  for (const index of newestFirst) resetDeviceTree(machine, machine.state.functions[index]!);
  for (const fn of functionsOn(machine, bus)) resetHeader(machine, fn);
}

/** The device's own reset with everything below it; headers stay. What a device gets as it is added. */
export function resetDeviceTree(machine: QemuMachine, fn: FunctionState): void {
  if (fn.secondary !== null && imageOf(machine, fn).isBridge) resetBus(machine, fn.secondary);
  resetDevice(machine, fn);
}

function resetHeader(machine: QemuMachine, fn: FunctionState): void {
  const image = imageOf(machine, fn);
  setIntx(machine, fn, false);
  for (const at of [reg.command, reg.command + 1, reg.status, reg.status + 1, reg.interruptLine]) {
    set8(machine, fn, at, get8(machine, fn, at) & ~(image.writeMask[at]! | image.clearMask[at]!));
  }
  set8(machine, fn, reg.cacheLineSize, 0);
  for (const bar of fn.physical === null ? image.bars : []) {
    const at = barOffset(bar.index, image.isBridge);
    set32(machine, fn, at, bar.type);
    if ((bar.type & barType.io) === 0 && (bar.type & barType.memory64) !== 0) set32(machine, fn, at + 4, 0);
  }
  updateMappings(machine, fn);
  resetMsi(machine, fn);
  resetMsix(machine, fn);
}

/** What the device type itself resets. */
function resetDevice(machine: QemuMachine, fn: FunctionState): void {
  const image = imageOf(machine, fn);
  switch (image.portType) {
    case portType.rootPort:
      updateRootVector(machine, fn);
      set16(machine, fn, image.express! + express.rootControl, 0);
      resetErrorReporting(machine, fn);
      resetSlot(machine, fn);
      resetAriForwarding(machine, fn);
      if (image.acs !== null) set16(machine, fn, image.acs + 6, 0);
      resetRootErrors(machine, fn);
      resetBridge(machine, fn);
      closeWindows(machine, fn);
      return;
    case portType.downstream:
      resetErrorReporting(machine, fn);
      resetSlot(machine, fn);
      resetAriForwarding(machine, fn);
      resetBridge(machine, fn);
      return;
    case portType.upstream:
      resetBridge(machine, fn);
      resetErrorReporting(machine, fn);
      return;
    case portType.pciBridge:
      resetBridge(machine, fn);
      resetMsi(machine, fn);
      if (image.shpc !== null) resetShpc(machine, fn);
      return;
    default:
      if (image.isBridge) {
        resetBridge(machine, fn);
        if (image.shpc !== null) resetShpc(machine, fn);
      } else if (image.sriov !== null) {
        resetSriov(machine, fn);
      } else if (image.express !== null && image.type.startsWith('virtio-')) {
        resetVirtio(machine, fn);
      } else if (image.type === 'ivshmem-plain') {
        delete fn.own[IVSHMEM_MASK];
        delete fn.own[IVSHMEM_STATUS];
      } else {
        resetChipset(machine, fn);
      }
  }
}

/** `own` keys of ivshmem's two stored registers; its RAM uses offsets from 0. */
export const IVSHMEM_MASK = -1;
export const IVSHMEM_STATUS = -2;

/**
 * What virtio resets besides its header where it is a PCI Express function: error reporting, the clock bits of link
 * control, the power state.
 * @source QEMU hw/virtio/virtio-pci.c virtio_pci_bus_reset (7.2)
 */
function resetVirtio(machine: QemuMachine, fn: FunctionState): void {
  const { express: cap, pm } = imageOf(machine, fn);
  resetErrorReporting(machine, fn);
  change16(machine, fn, cap! + express.linkControl, LINK_CLOCKS, 0);
  if (pm !== null) set16(machine, fn, pm + PM_CONTROL, 0);
}

/** Link control: common clock, extended synch. */
const LINK_CLOCKS = 0x00c0;
/** Control and status inside the power management capability. */
const PM_CONTROL = 0x04;

const resetErrorReporting = (machine: QemuMachine, fn: FunctionState): void =>
  change16(machine, fn, imageOf(machine, fn).express! + express.deviceControl, 0x000f, 0);

const resetAriForwarding = (machine: QemuMachine, fn: FunctionState): void =>
  change16(machine, fn, imageOf(machine, fn).express! + express.deviceControl2, 0x0020, 0);

/** Bus numbers, windows (open at 0) and bridge control. @source facts/q35-qemu 2.5 */
function resetBridge(machine: QemuMachine, fn: FunctionState): void {
  set32(machine, fn, reg.primaryBus, 0);
  for (const at of [reg.ioBase, reg.ioLimit]) set8(machine, fn, at, get8(machine, fn, at) & 0x0f);
  for (const at of [reg.memoryBase, reg.memoryLimit, reg.prefBase, reg.prefLimit]) {
    change16(machine, fn, at, 0xfff0, 0);
  }
  set32(machine, fn, reg.prefBaseUpper, 0);
  set32(machine, fn, reg.prefLimitUpper, 0);
  set16(machine, fn, reg.bridgeControl, 0);
}

/** Root ports close their windows: bases at the top, limits at 0. */
function closeWindows(machine: QemuMachine, fn: FunctionState): void {
  set8(machine, fn, reg.ioBase, get8(machine, fn, reg.ioBase) | 0xf0);
  change16(machine, fn, reg.memoryBase, 0, 0xfff0);
  change16(machine, fn, reg.prefBase, 0, 0xfff0);
}
