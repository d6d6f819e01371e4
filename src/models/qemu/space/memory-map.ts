import { decodeEcam } from '../../../pci/ecam.js';
import { pamArea } from '../chipset/pam.js';
import { RCRB_BYTES, readRcrb, writeRcrb } from '../chipset/rcrb.js';
import { legacyVgaAt } from '../devices/vga.js';
import { NO_RESPONSE, readConfig, writeConfig } from '../function/config-space.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { ownRegisters, type Region, region, type Target } from '../region.js';
import { findFunction } from '../routing.js';
import { pciTarget } from './pci-space.js';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** What answers a processor at a physical address. O(1) plus the PCI search for addresses outside RAM and ECAM. */
export function memoryTarget(machine: QemuMachine, address: number): Target {
  return machine.board.kind === 'virt' ? virtTarget(machine, address) : pcTarget(machine, address);
}

/**
 * What answers a device, or a test without a processor: read-only shadow RAM is RAM to them, for only a processor's
 * stores are checked against the section's flag.
 * @source QEMU softmmu/physmem.c memory_access_is_direct, hw/pci-host/pam.c (7.2); tests/qtest/i440fx-test.c
 */
export function busTarget(machine: QemuMachine, address: number): Target {
  const target = memoryTarget(machine, address);
  return target.region === shadowRom ? { ...target, region: ram } : target;
}

/**
 * x86, by layers: the local APIC page; RCBA, shadow RAM and SMRAM; ECAM above RAM and the fixed devices; the PCI
 * space with its ROMs; nothing, which reads 0. @source facts/q35-qemu 1.3, 2.3
 */
function pcTarget(machine: QemuMachine, address: number): Target {
  const { state } = machine;
  if (address >= 0xfee0_0000 && address < 0xfef0_0000) return at(localApic, address - 0xfee0_0000);
  if (state.rcba !== null && address >= state.rcba && address < state.rcba + RCRB_BYTES) {
    return at(rcrb, address - state.rcba);
  }
  const legacy = address < GIB * 4 ? legacyTarget(machine, address) : null;
  if (legacy !== null) return legacy;
  const { ecam } = state;
  if (ecam !== null && address >= ecam.base && address < ecam.base + ecam.sizeBytes) {
    return at(ecamWindow, address - ecam.base);
  }
  if (isRam(machine, address)) return at(ram, address);
  if (address >= 0xfec0_0000 && address < 0xfec0_1000) return at(boardDevice, address - 0xfec0_0000);
  if (address >= 0xfed0_0000 && address < 0xfed0_0400) return at(boardDevice, address - 0xfed0_0000);
  return pcPciTarget(machine, address) ?? at(unassigned, address);
}

/** The PCI side of an x86 board: BARs and windows over the option ROM area and the two copies of the firmware. */
function pcPciTarget(machine: QemuMachine, address: number): Target | null {
  const pci = pciTarget(machine, 0, 'memory', address);
  if (pci !== null) return pci;
  const vga = legacyVgaAt(machine, 'memory', address);
  if (vga !== null) return at(vga, address);
  if (address >= 0xc_0000 && address <= 0xf_ffff) return at(firmware, address);
  return address >= 0xfffc_0000 && address < GIB * 4 ? at(firmware, address) : null;
}

/** Areas that re-shape RAM: SMBASE and TSEG holes, 0xa0000, shadow RAM. */
function legacyTarget(machine: QemuMachine, address: number): Target | null {
  const { state } = machine;
  if (state.smbaseLocked && address >= 0x3_0000 && address < 0x5_0000)
    return at(blackHole, address - 0x3_0000);
  const { below } = ramSplit(machine);
  if (state.tsegBytes > 0 && address >= below - state.tsegBytes && address < below) {
    return at(blackHole, address - (below - state.tsegBytes));
  }
  if (state.openHighSmram && address >= 0xfeda_0000 && address < 0xfedc_0000) {
    return at(ram, address - 0xfeda_0000 + 0xa_0000);
  }
  if (address >= 0xa_0000 && address < 0xc_0000) {
    return state.smramHidden ? pcPciTarget(machine, address) : null;
  }
  const area = pamArea(address);
  if (area === null) return null;
  switch (state.pam[area]) {
    case 0:
      return pcPciTarget(machine, address);
    case 1:
      return at(shadowRom, address);
    default:
      return at(ram, address);
  }
}

/** RAM below and above 4 GiB. The i440FX board leaves 1 GiB of hole, q35 more, once RAM reaches that far. */
function ramSplit(machine: QemuMachine): { below: number; above: number } {
  const { ramBytes, kind } = machine.board;
  const [limit, cut] = kind === 'pc' ? [3.5 * GIB, 3 * GIB] : [2.75 * GIB, 2 * GIB];
  const below = ramBytes >= limit ? cut : ramBytes;
  return { below, above: ramBytes - below };
}

function isRam(machine: QemuMachine, address: number): boolean {
  const { below, above } = ramSplit(machine);
  return address < below || (address >= 4 * GIB && address < 4 * GIB + above);
}

const VIRT_RAM = GIB;
const VIRT_DEVICE_TREE_BYTES = 2 * MIB;
const VIRT_FLASH_BYTES = 128 * MIB;

/** ARM virt: a fixed map; inside the PCI windows nobody reads as all ones. @source facts/q35-qemu 1.3, 1.5 */
function virtTarget(machine: QemuMachine, address: number): Target {
  const { ecam, ram: written } = machine.state;
  if (ecam !== null && address >= ecam.base && address < ecam.base + ecam.sizeBytes) {
    return at(ecamWindow, address - ecam.base);
  }
  if (address >= 0x1000_0000 && address < 0x3eff_0000) {
    return pciTarget(machine, 0, 'memory', address) ?? at(emptyWindow, address);
  }
  if (address >= 0x3eff_0000 && address < 0x3f00_0000) {
    const port = address - 0x3eff_0000;
    return pciTarget(machine, 0, 'io', port) ?? at(emptyWindow, port);
  }
  if (address >= VIRT_RAM && address < VIRT_RAM + machine.board.ramBytes) {
    const stored = written[address - (address % 4)] !== undefined;
    if (stored || address >= VIRT_RAM + VIRT_DEVICE_TREE_BYTES) return at(ram, address);
    return address < VIRT_RAM + 4 ? at(deviceTreeMagic, address) : at(deviceTree, address);
  }
  if (!machine.board.lowMemoryOnly && address >= 512 * GIB && address < 1024 * GIB) {
    return pciTarget(machine, 0, 'memory', address) ?? at(emptyWindow, address);
  }
  if (address < VIRT_FLASH_BYTES) return at(machine.state.flashCommanded ? flash : emptyFlash, address);
  return at(address < 0x0a00_4000 ? boardDevice : unassigned, address);
}

const at = (what: Region, offset: number): Target => ({ region: what, offset, fn: null });

/** RAM keeps the dwords that were written; it starts as zeros. */
const ram: Region = region('RAM', {
  read: (machine, _target, address, size) => {
    const stored = machine.state.ram;
    if (size === 4 && address % 4 === 0) return stored[address] ?? 0;
    let value = 0;
    for (let i = 0; i < size; i++) {
      const lane = (address + i) % 4;
      value += (((stored[address + i - lane] ?? 0) >>> (8 * lane)) & 0xff) * 2 ** (8 * i);
    }
    return value;
  },
  write: (machine, _target, address, size, value) => {
    const stored = machine.state.ram;
    for (let i = 0; i < size; i++) {
      const lane = (address + i) % 4;
      const old = stored[address + i - lane] ?? 0;
      const data = (value >>> (8 * i)) & 0xff;
      stored[address + i - lane] = ((old & ~(0xff << (8 * lane))) | (data << (8 * lane))) >>> 0;
    }
  },
});

const shadowRom: Region = { ...ram, name: 'shadow RAM, read only', write: () => {} };
const unassigned: Region = region('unassigned', { read: () => 0 });
const emptyWindow: Region = region('gpex window', {});
/** Covered SMRAM: all ones whatever the width. */
const blackHole: Region = region('black hole', { minStep: 4 });
/** Without a CPU in front the local APIC reads 0; stores are interrupt messages that end here. */
const localApic: Region = region('apic-msi', { read: () => 0 });
const rcrb: Region = region('lpc-rcrb-mmio', {
  read: (machine, _target, offset, size) => readRcrb(machine, offset, size),
  write: (machine, _target, offset, size, value) => writeRcrb(machine, offset, size, value),
});
const firmware = ownRegisters('firmware', 'contents of the firmware ROM');
const boardDevice = ownRegisters('board device', 'a device of the board outside PCI');
const deviceTree: Region = {
  ...ram,
  name: 'device tree',
  unmodelled: 'the device tree blob that the ARM board leaves in RAM',
};

/** The blob's magic number, d00dfeed in big-endian bytes; a store there makes it plain RAM. */
const deviceTreeMagic: Region = {
  ...ram,
  name: 'device tree magic',
  read: (_machine, _target, address, size) => {
    let value = 0;
    for (let i = 0; i < size; i++) value += (DEVICE_TREE_MAGIC[address - VIRT_RAM + i] ?? 0) * 2 ** (8 * i);
    return value;
  },
};
const DEVICE_TREE_MAGIC = [0xd0, 0x0d, 0xfe, 0xed] as const;
/** Flash without an image reads as zeros; any store is a command to it. */
const emptyFlash: Region = region('empty flash', {
  read: () => 0,
  write: (machine) => {
    machine.state.flashCommanded = true;
  },
});
const flash = ownRegisters('flash', 'flash memory that was given commands');

/** ECAM: the function's own size is the limit. @source facts/q35-qemu 2.2 */
const ecamWindow: Region = region('pcie-mmcfg-mmio', {
  read: (machine, _target, offset, size) => {
    const { bus, devfn, offsetBytes } = decodeEcam(offset);
    const fn = findFunction(machine, bus, devfn);
    if (fn === null) return NO_RESPONSE;
    return readConfig(machine, fn, offsetBytes, size, imageOf(machine, fn).config.length);
  },
  write: (machine, _target, offset, size, value) => {
    const { bus, devfn, offsetBytes } = decodeEcam(offset);
    const fn = findFunction(machine, bus, devfn);
    if (fn === null) return;
    writeConfig(machine, fn, offsetBytes, size, imageOf(machine, fn).config.length, value);
  },
});
