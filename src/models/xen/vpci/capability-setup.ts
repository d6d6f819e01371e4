import { errno } from '../../../base/errno.js';
import { addRule, type Builder } from './builder.js';
import { removeRegisters } from './handlers.js';
import { initialMsi, msiRegisters } from './msi.js';
import { msixFault, msixRegisters, probeMsix } from './msix.js';
import { msixFrames } from './msix-layout.js';
import { barIndexOf, offeredSizes, rebarRegisters, resizableCount } from './rebar.js';

/** `init_msi`: control, address, data and, where the function has them, upper address and mask bits. @source facts/xen 5.7 */
export function initMsi(build: Builder, position: number): number {
  const { ports, device } = build;
  const control = msiRegisters.control(position);
  const claimed = addRule(build, { offset: control, size: 2, read: 'msi-control', write: 'msi-control' });
  if (claimed !== 0) return claimed;
  const msi = initialMsi(position, ports.hwRead(control, 2));
  device.msi = msi;
  const { address64 } = msi;
  const rules = [
    { offset: msiRegisters.addressLo(position), size: 4, read: 'msi-address', write: 'msi-address' },
    { offset: msiRegisters.data(position, address64), size: 2, read: 'msi-data', write: 'msi-data' },
    ...(address64
      ? [
          {
            offset: msiRegisters.addressHi(position),
            size: 4,
            read: 'msi-address-hi',
            write: 'msi-address-hi',
          } as const,
        ]
      : []),
    ...(msi.masking
      ? [
          {
            offset: msiRegisters.mask(position, address64),
            size: 4,
            read: 'msi-mask',
            write: 'msi-mask',
          } as const,
        ]
      : []),
  ] as const;
  for (const rule of rules) {
    const ret = addRule(build, rule);
    if (ret !== 0) return ret;
  }
  return 0;
}

/** `init_msix`: one handler for the control word; table and PBA registers stay raw. @source facts/xen 5.7 */
export function initMsix(build: Builder, position: number): number {
  const { ports, device } = build;
  const msix = probeMsix(ports, position);
  const fault = ports.features.checksMsixTable ? msixFault(msix, device.bars) : null;
  if (fault !== null) {
    ports.warn(`DEVICE BUG: ${fault}`);
    return -errno.ENODEV;
  }
  const ret = addRule(build, {
    offset: msixRegisters.control(position),
    size: 2,
    read: 'msix-control',
    write: 'msix-control',
  });
  if (ret !== 0) return ret;
  device.msix = msix;
  if (!device.header.barsMapped || !ports.features.headerFirst) return 0;
  // The header has mapped the whole BAR by now: carve the table's and the PBA's pages out.
  for (const frames of msixFrames(device)) {
    const failure = ports.map(msix.table & 7, [frames], false);
    if (failure !== 0) return failure;
  }
  return 0;
}

/** `init_rebar`. @source facts/xen 5.7 */
export function initRebar(build: Builder, position: number): number {
  const { ports, device } = build;
  const count = resizableCount(ports.hwRead(rebarRegisters.control(position, 0), 4));
  for (let i = 0; i < count; i++) {
    const offset = rebarRegisters.control(position, i);
    const control = ports.hwRead(offset, 4);
    const index = barIndexOf(control);
    const bar = device.bars[index];
    if (index >= 6 || bar === undefined) {
      ports.warn(`too big BAR number ${index} in REBAR_CTRL`);
      continue;
    }
    if (bar.type !== 'mem64-lo' && bar.type !== 'mem32') {
      ports.warn(`BAR${index} is not in memory space`);
      continue;
    }
    const ret = addRule(build, { offset, size: 4, read: 'hw', write: 'rebar-control', arg: index });
    if (ret !== 0) return ret;
    bar.resizableSizes = offeredSizes(ports.hwRead(rebarRegisters.cap(position, i), 4), control);
  }
  return 0;
}

/**
 * Clean-up of a capability whose set-up failed: its rules go, and the hardware domain, whose driver may know the
 * position without walking the list, finds the control word read-only. @source facts/xen 5.4, docs/models/vpci.md
 */
export function lockFailed(build: Builder, id: number, position: number): void {
  const { ports, device } = build;
  if (!ports.features.locksFailedCapabilities) return;
  switch (id) {
    case 0x05: {
      if (device.msi !== null) removeRegisters(device.registers, position + 2, msiLength(device.msi) - 2);
      device.msi = null;
      break;
    }
    case 0x11:
      device.msix = null;
      removeRegisters(device.registers, msixRegisters.control(position), 2);
      break;
    default: {
      const count = resizableCount(ports.hwRead(rebarRegisters.control(position, 0), 4));
      if (count === 0) return;
      removeRegisters(
        device.registers,
        rebarRegisters.cap(position, 0),
        rebarRegisters.control(ports.features.removesRebarOnly ? 0 : position, count - 1),
      );
      for (let i = 0; i < count && ports.isHardwareDomain; i++)
        addRule(build, {
          offset: rebarRegisters.control(position, i),
          size: 4,
          read: 'hw',
          write: 'ignored',
        });
      return;
    }
  }
  if (ports.isHardwareDomain) addRule(build, { offset: position + 2, size: 2, read: 'hw', write: 'ignored' });
}

/** Bytes from the capability's start to where its emulated registers end. */
const msiLength = ({ address64, masking }: { address64: boolean; masking: boolean }): number =>
  masking ? (address64 ? 20 : 16) : address64 ? 14 : 10;
