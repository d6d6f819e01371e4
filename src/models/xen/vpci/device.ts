import { errno } from '../../../base/errno.js';
import { changeVpci, readVpciDevice, type VpciDevice } from '../../../state/vpci.js';
import { hardwarePieces, mergedRead, mergedWrite } from './access.js';
import { applyMap, type PendingMap } from './bars.js';
import type { Builder } from './builder.js';
import { capabilityIds, initCapabilities } from './capabilities.js';
import { initMsi, initMsix } from './capability-setup.js';
import { EXTENDED_FIRST, findCapability } from './capability-walk.js';
import { removeRegisters } from './handlers.js';
import { initHeader } from './header.js';
import type { VpciPorts } from './ports.js';
import { readRegister, writeRegister } from './registers.js';

/** A device with nothing set up yet. */
const emptyDevice = (domid: number, guestSbdf: number | null): VpciDevice => ({
  ...readVpciDevice({ domid, guestSbdf, msi: null, msix: null }),
});

/** Ports without state of their own: whoever builds brings the device. */
export type BuildPorts = Omit<VpciPorts, 'device' | 'change'>;

/**
 * `vpci_assign_device`: builds the emulated space of a function from what its hardware holds, mapping BARs that already
 * decode. The errors of any step tear everything down. @returns The device, or a negative errno. @source facts/xen 5.4
 */
export function buildDevice(base: BuildPorts, domid: number, guestSbdf: number | null): VpciDevice | number {
  if (!base.isHardwareDomain && !base.features.guests) return -errno.EOPNOTSUPP;
  const build = builderOn(base, emptyDevice(domid, guestSbdf));
  const ret = base.features.headerFirst ? buildHeaderFirst(build) : buildMsixFirst(build);
  if (ret !== 0) return ret;
  const mapped = build.pending === null ? 0 : applyMap(build.ports, build.pending);
  return mapped === 0 || !base.features.dropsDeviceOnMapFailure ? build.device : mapped;
}

/**
 * `vpci_reinit_ext_capabilities`: another view of the extended space, after MMCFG came or went. Fills in `device`,
 * which is the caller's copy. @source facts/xen 5.6
 */
export function rebuildExtended(base: BuildPorts, device: VpciDevice): VpciDevice {
  const build = builderOn(base, device);
  removeRegisters(build.device.registers, EXTENDED_FIRST, 4096 - EXTENDED_FIRST);
  initCapabilities(build, true);
  return build.device;
}

function builderOn(base: BuildPorts, device: VpciDevice): Builder {
  const ports: VpciPorts = {
    ...base,
    device: () => device,
    change: (part, index, fields) => changeVpci(device, part, index, fields),
  };
  return { device, ports, pending: null };
}

function buildHeaderFirst(build: Builder): number {
  const header = initHeader(build);
  if (header !== 0) return header;
  if (build.ports.features.storesHardwareDomainLists) return initCapabilities(build, false);
  if (build.ports.arch === 'arm64') return 0;
  for (const [id, init] of [
    [capabilityIds.msix, initMsix],
    [capabilityIds.msi, initMsi],
  ] as const) {
    const position = findCapability(build.ports, id);
    const ret = position === 0 ? 0 : init(build, position);
    if (ret !== 0) return ret;
  }
  return 0;
}

/** Up to 4.18: MSI-X, header, MSI, and no lists at all. @source docs/models/vpci.md */
function buildMsixFirst(build: Builder): number {
  const msix = findCapability(build.ports, capabilityIds.msix);
  const first = msix === 0 ? 0 : initMsix(build, msix);
  if (first !== 0) return first;
  const header = initHeader(build);
  if (header !== 0) return header;
  const msi = findCapability(build.ports, capabilityIds.msi);
  return msi === 0 ? 0 : initMsi(build, msi);
}

type Raw = Pick<VpciPorts, 'isHardwareDomain' | 'hwRead' | 'hwWrite'>;

/** Hardware below the handlers; only the hardware domain reaches it. @source facts/xen 5.3 */
export function rawRead(ports: Raw, reg: number, sizeBytes: number): number {
  if (!ports.isHardwareDomain) return 0xffff_ffff;
  let value = 0;
  let at = 0;
  for (const piece of hardwarePieces(reg, sizeBytes)) {
    value += ports.hwRead(reg + at, piece) * 2 ** (8 * at);
    at += piece;
  }
  return value;
}

export function rawWrite(ports: Raw, reg: number, sizeBytes: number, value: number): void {
  if (!ports.isHardwareDomain) return;
  let at = 0;
  for (const piece of hardwarePieces(reg, sizeBytes)) {
    const data = Math.floor(value / 2 ** (8 * at)) % 2 ** (8 * piece);
    ports.hwWrite(reg + at, piece, data);
    at += piece;
  }
}

/** `vpci_read` of an emulated function. @param sizeBytes 1, 2 or 4, aligned. @source facts/xen 5.3 */
export function readDevice(ports: VpciPorts, reg: number, sizeBytes: number): number {
  return mergedRead(
    ports.device().registers,
    reg,
    sizeBytes,
    (at, length) => rawRead(ports, at, length),
    (register) => readRegister(ports, register),
  );
}

/**
 * `vpci_write` of an emulated function. A change of mappings is done after the access itself, before the domain runs
 * on. @returns 0, or the negative errno of a mapping that failed. @source facts/xen 5.3, 5.5
 */
export function writeDevice(ports: VpciPorts, reg: number, sizeBytes: number, value: number): number {
  const { registers } = ports.device();
  let pending: PendingMap | null = null;
  mergedWrite(
    registers,
    reg,
    sizeBytes,
    value,
    (at, length, data) => rawWrite(ports, at, length, data),
    (register) => readRegister(ports, register),
    (register, data) => {
      pending = writeRegister(ports, register, data) ?? pending;
    },
  );
  return pending === null ? 0 : applyMap(ports, pending);
}
