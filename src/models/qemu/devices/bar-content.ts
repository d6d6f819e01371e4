import { SMBUS_OFF } from '../chipset/written.js';
import { readMsixPending, readMsixTable, writeMsixTable } from '../function/msix.js';
import { IVSHMEM_MASK, IVSHMEM_STATUS } from '../function/reset.js';
import { type BarImage, type MsixImage, pbaBytes } from '../image.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { readShpc, SHPC_BYTES, writeShpc } from '../plugging/shpc.js';
import { ownRegisters, type Region, region, type Target } from '../region.js';
import type { FunctionState } from '../state.js';
import { eduRegisters } from './edu.js';

/** What fills a BAR outside MSI-X structures. `empty` lets the next region below answer. */
type Content =
  | 'registers'
  | 'empty'
  | 'ram'
  | 'edu'
  | 'shpc'
  | 'ivshmem'
  | 'testdev'
  | 'smbus'
  | 'index-data';

/** By device type and BAR index; what is not listed is the device's own registers. @source facts/q35-qemu 2.3, 2.7 */
const CONTENT: Readonly<Record<string, Readonly<Record<number, Content>>>> = {
  'pcie-root-port': { 0: 'empty' },
  'pci-bridge': { 0: 'shpc' },
  'pcie-pci-bridge': { 0: 'shpc' },
  edu: { 0: 'edu' },
  // The emulator of scenarios, src/emulators/vgpu.ts: a register that raises its message, and an aperture.
  vgpu: { 0: 'edu', 2: 'ram' },
  e1000e: { 1: 'empty', 2: 'index-data', 3: 'empty' },
  'ich9-ahci': { 4: 'index-data' },
  'ivshmem-plain': { 0: 'ivshmem', 2: 'ram' },
  'pci-testdev': { 0: 'testdev', 1: 'testdev', 2: 'empty' },
  'ICH9-SMB': { 4: 'smbus' },
};

/** Device types whose MSI-X structures have a BAR of their own, empty elsewhere. */
const EXCLUSIVE_MSIX = /^virtio-/;

/** The region at an offset of a mapped BAR; null where the BAR is transparent. */
export function barTarget(
  machine: QemuMachine,
  fn: FunctionState,
  bar: BarImage,
  offset: number,
): Target | null {
  const image = imageOf(machine, fn);
  if (image.msix !== null) {
    const inside = msixTarget(fn, image.msix, bar.index, offset);
    if (inside !== null) return inside;
    if (image.msix.tableBar === bar.index && EXCLUSIVE_MSIX.test(image.type)) return null;
  }
  switch (CONTENT[image.type]?.[bar.index] ?? 'registers') {
    case 'empty':
      return null;
    case 'ram':
      return { region: deviceRam, offset, fn };
    case 'edu':
      return { region: eduRegisters, offset, fn };
    case 'shpc':
      return offset < SHPC_BYTES && image.shpc !== null ? { region: shpcRegisters, offset, fn } : null;
    case 'ivshmem':
      return { region: ivshmemRegisters, offset, fn };
    case 'testdev':
      return { region: fn.own[TESTDEV_SELECTED] === 1 ? testdevRunning : testdevIdle, offset, fn };
    case 'index-data':
      return indexDataTarget(fn, image.type, offset);
    case 'smbus':
      return fn.own[SMBUS_OFF] === 1 ? null : { region: deviceRegisters, offset, fn };
    case 'registers':
      return { region: bar.index === 6 ? romContent : deviceRegisters, offset, fn };
  }
}

function msixTarget(fn: FunctionState, msix: MsixImage, bar: number, offset: number): Target | null {
  const inTable = offset - msix.tableOffset;
  if (bar === msix.tableBar && inTable >= 0 && inTable < 16 * msix.vectors) {
    return { region: msixTable, offset: inTable, fn };
  }
  const inPba = offset - msix.pbaOffset;
  return bar === msix.pbaBar && inPba >= 0 && inPba < pbaBytes(msix)
    ? { region: msixPending, offset: inPba, fn }
    : null;
}

/** Vector table: 4 or 8 bytes at a time. @source facts/q35-qemu 2.10 */
const msixTable: Region = region('msix-table', {
  minAccess: 4,
  maxAccess: 8,
  read: (_machine, { fn }, at) => readMsixTable(fn!, at),
  write: (machine, { fn }, at, _size, value) => writeMsixTable(machine, fn!, at, value),
});

const msixPending: Region = region('msix-pba', {
  minAccess: 4,
  maxAccess: 8,
  read: (_machine, { fn }, at) => readMsixPending(fn!, at),
});

const shpcRegisters: Region = region('shpc-mmio', {
  read: (_machine, { fn }, at, size) => readShpc(fn!, at, size),
  write: (machine, { fn }, at, size, value) => writeShpc(machine, fn!, at, size, value),
});

/** Interrupt mask at 0, status at 4 (a read clears it); the rest reads 0. */
const ivshmemRegisters: Region = region('ivshmem-mmio', {
  minStep: 4,
  read: (_machine, { fn }, at) => {
    if (at === 0) return fn!.own[IVSHMEM_MASK] ?? 0;
    if (at !== 4) return 0;
    const status = fn!.own[IVSHMEM_STATUS] ?? 0;
    delete fn!.own[IVSHMEM_STATUS];
    return status;
  },
  write: (_machine, { fn }, at, _size, value) => {
    if ((at & 0xfc) === 0) fn!.own[IVSHMEM_MASK] = value >>> 0;
    if ((at & 0xfc) === 4) fn!.own[IVSHMEM_STATUS] = value >>> 0;
  },
});

/** Memory of a device, in dwords that were written. Accesses of RAM are never cut; see `access.ts`. */
const deviceRam: Region = region('device RAM', {
  read: (_machine, { fn }, at, size) => {
    let value = 0;
    for (let i = 0; i < size; i++) {
      const dword = fn!.own[at + i - ((at + i) % 4)] ?? 0;
      value += ((dword >>> (8 * ((at + i) & 3))) & 0xff) * 2 ** (8 * i);
    }
    return value;
  },
  write: (_machine, { fn }, at, size, value) => {
    for (let i = 0; i < size; i++) {
      const aligned = at + i - ((at + i) % 4);
      const shift = 8 * ((at + i) & 3);
      fn!.own[aligned] =
        (((fn!.own[aligned] ?? 0) & ~(0xff << shift)) | (((value >>> (8 * i)) & 0xff) << shift)) >>> 0;
    }
  },
});

/**
 * An I/O window onto device registers: an index register that stores, a data register that is the device's own,
 * zeros elsewhere. @source QEMU hw/net/e1000e.c e1000e_io_read, hw/ide/ahci.c ahci_idp_read (7.2)
 */
function indexDataTarget(fn: FunctionState, type: string, offset: number): Target {
  const { at, window } = type === 'e1000e' ? { at: 0, window: e1000eIndex } : { at: 0x10, window: ahciIndex };
  const inData = offset >= at + 4 && offset < at + 8;
  return { region: inData ? deviceRegisters : window, offset, fn };
}

/** `own` key of the index register. */
const INDEX = 0;

const indexRegister = (name: string, at: number, mask: number, minStep: number): Region =>
  region(name, {
    minStep,
    read: (_machine, { fn }, offset) => (offset === at ? (fn!.own[INDEX] ?? 0) : 0),
    write: (_machine, { fn }, offset, _size, value) => {
      if (offset === at) fn!.own[INDEX] = (value & mask) >>> 0;
    },
  });

const e1000eIndex = indexRegister('e1000e-io', 0, 0xffff_ffff, 4);
const ahciIndex = indexRegister('ahci-idp', 0x10, 0x0ffc, 1);

/** `own` key of pci-testdev: a test was selected. */
const TESTDEV_SELECTED = 0;
const TESTS = 3;

/** pci-testdev reads 0 until a test is selected at offset 0. */
const testdevIdle: Region = region('pci-testdev', {
  maxStep: 1,
  read: () => 0,
  write: (_machine, { fn }, at, _size, value) => {
    if (at === 0) fn!.own[TESTDEV_SELECTED] = (value & 0xff) < TESTS ? 1 : 0;
  },
});

const testdevRunning: Region = {
  ...testdevIdle,
  unmodelled: 'pci-testdev with a test selected: its counters belong to the device',
};

const deviceRegisters = ownRegisters('device registers', 'registers behind a BAR belong to the device');
const romContent = ownRegisters('option ROM', 'contents of an option ROM');
