import { slotPort } from '../../qemu/devices/device-types.js';
import type { FunctionBytes } from '../../qemu/image.js';

/**
 * Offsets of a root port of the kind `ioh3420`, the one Xen's own chipset has and the one it recognises behind QEMU.
 * @source facts/q35-qemu 2.7, 2.9; facts/arm-msi-iommu 8.4
 */
export const portReg = {
  command: 0x04,
  busNumbers: 0x18,
  bridgeControl: 0x3c,
  msiControl: 0x60,
  msiAddress: 0x64,
  msiData: 0x68,
  msiMask: 0x6c,
  msiPending: 0x70,
  /** Control in the low half, status in the high one. */
  link: 0xa0,
  slotCap: 0xa4,
  slot: 0xa8,
  rootControl: 0xac,
  rootStatus: 0xb0,
  aerRootCommand: 0x12c,
  aerRootStatus: 0x130,
  aerSource: 0x134,
} as const;

/** Slot control. */
export const slotControl = { interrupt: 0x20, powerOff: 0x400, lock: 0x800, indicatorOn: 0x100 } as const;
/** Slot status, in the high half of its dword. */
export const slotStatus = {
  button: 0x0001_0000,
  presenceChanged: 0x0008_0000,
  command: 0x0010_0000,
  present: 0x0040_0000,
} as const;
export const LINK_ACTIVE = 0x2000_0000;

export const PME_ENABLE = 0x8;
/** Root status: requester id below, status, another one waits. */
export const rootStatus = { source: 0xffff, pme: 0x1_0000, pending: 0x2_0000 } as const;

const POWER_INDICATOR = 0x300;

/** Registers by dword: after reset, the bits a guest can write, and those it clears by writing 1. */
export interface OwnRegisters {
  readonly reset: Readonly<Record<number, number>>;
  readonly writable: Readonly<Record<number, number>>;
  readonly clearable: Readonly<Record<number, number>>;
}

/** The documented bytes of a kind of function as dwords; zeros are left out. */
export function registersOf({ config, writeMask, clearMask }: FunctionBytes): OwnRegisters {
  return { reset: dwords(config), writable: dwords(writeMask), clearable: dwords(clearMask) };
}

/**
 * A root port of Xen: the kind QEMU has, with what a port of the specification has and QEMU's lacks: PME interrupt
 * enable and PME status. No electromechanical lock. Slot `slot` starts empty and without power.
 * @source facts/arm-msi-iommu 8.4 (root control 3, root status); facts/q35-qemu 2.7 (RTCTL mask 0x0007)
 */
export function ownRootPort(slot: number): OwnRegisters {
  const bytes = slotPort('ioh3420', { slot, populated: false, native: true })!;
  if (slot === 1) bytes.config[0x0e] = bytes.config[0x0e]! | 0x80;
  bytes.config[portReg.slotCap + 2] = bytes.config[portReg.slotCap + 2]! & ~0x02;
  bytes.writeMask[portReg.slot + 1] = bytes.writeMask[portReg.slot + 1]! & ~(slotControl.lock >>> 8);
  bytes.writeMask[portReg.rootControl] = bytes.writeMask[portReg.rootControl]! | PME_ENABLE;
  bytes.clearMask[portReg.rootStatus + 2] = rootStatus.pme >>> 16;
  bytes.writeMask.fill(0, portReg.rootStatus, portReg.rootStatus + 4);
  return registersOf(bytes);
}

/** Slot control and status of a slot that got or lost its card while the machine was off. */
export const coldSlot = (slot: number, present: boolean): number =>
  present
    ? ((slot & ~(slotControl.powerOff | POWER_INDICATOR)) | slotControl.indicatorOn | slotStatus.present) >>>
      0
    : (slot & ~slotStatus.present) >>> 0;

function dwords(bytes: Uint8Array): Record<number, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Record<number, number> = {};
  for (let at = 0; at < bytes.length; at += 4) {
    const value = view.getUint32(at, true);
    if (value !== 0) found[at] = value;
  }
  return found;
}
