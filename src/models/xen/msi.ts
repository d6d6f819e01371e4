import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { errno } from '../../base/errno.js';
import { findCapability, findExtendedCapability, type Read } from '../../pci/capability-walk.js';
import { bdfOf, sbdf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import { sriov } from '../../pci/sriov.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { DeviceMsi, MsiEntry } from '../../state/irq.js';
import type { Context } from '../context.js';
import { describeFunction, heldConfig, readConfig } from '../hardware/config-space.js';
import { functionBehind } from './config-access.js';
import { hardwareDomain } from './domains.js';
import { x86Facts } from './x86.js';

/** `struct msi_info`: what a caller wants. */
export interface MsiRequest {
  readonly name: XenSbdf;
  /** Table entry of MSI-X; vectors of a multi-message MSI. */
  readonly entry: number;
  /** Base address register of the MSI-X table; 0 asks for MSI. */
  readonly tableBase: number;
}

const capability = { MSI: 0x05, MSIX: 0x11, SRIOV: 0x10 } as const;
const COMMAND_MEMORY = 2;
const MSIX_MASKALL = 0x4000;
/** Registers of the MSI-X capability that say where table and pending bits are. */
const TABLE = 4;
const PENDING = 8;
const PAGE = 4096;
const SRIOV_CONTROL_VFE_MSE = 0x9;

const none: DeviceMsi = { entries: [], prepared: false, guestMaskall: false };
const deviceMsi = (context: Context, name: XenSbdf): DeviceMsi =>
  (context.state.irq.msi[name] as DeviceMsi | undefined) ?? none;

/** What a register says now; not an access that is recorded. */
function peek(context: Context, name: XenSbdf, reg: number, size: 1 | 2 | 4, read = readConfig): number {
  const fn = functionBehind(context.state, context.env, name);
  return fn === null ? 2 ** (8 * size) - 1 : read(context, fn, reg, size);
}

/**
 * What Xen found when it made the device object and does not look up again: a device that answers nothing any more has
 * its capabilities still. @source xen/drivers/passthrough/msi.c (pdev_msi_init) at RELEASE-4.17.0 to 4.22.0
 */
function remembered(context: Context, name: XenSbdf, reg: number, size: 1 | 2 | 4): number {
  const asReleased = hasBehaviour(context.env.behaviour, 'xen-as-released');
  return peek(context, name, reg, size, asReleased ? heldConfig : readConfig);
}

/** Reads of what Xen remembers of a device. */
const memoryOf =
  (context: Context, name: XenSbdf): Read =>
  (reg, size) =>
    remembered(context, name, reg, size);

/** Steps of Xen's own walk over extended capabilities. @source xen/drivers/pci/pci.c (pci_find_next_ext_capability) */
const EXTENDED_STEPS = 480;

const extendedCapabilityAt = (context: Context, name: XenSbdf, id: number): number =>
  findExtendedCapability(memoryOf(context, name), id, EXTENDED_STEPS);
const msixAt = (context: Context, name: XenSbdf): number =>
  findCapability(memoryOf(context, name), capability.MSIX);
const msiAt = (context: Context, name: XenSbdf): number =>
  findCapability(memoryOf(context, name), capability.MSI);

/** Entries of the MSI-X table; 0 without MSI-X. */
const msixEntries = (context: Context, name: XenSbdf): number => {
  const at = msixAt(context, name);
  return at === 0 ? 0 : (remembered(context, name, at + 2, 2) & 0x7ff) + 1;
};

/** The device and entry a machine interrupt belongs to; null when it is no MSI. O(entries in use). */
export function msiOf(context: Context, irq: number): { name: XenSbdf; entry: MsiEntry } | null {
  for (const [key, device] of Object.entries(context.state.irq.msi)) {
    for (const entry of device.entries)
      if (entry.irq === irq || isLaterVector(context, entry, irq))
        return { name: Number(key) as XenSbdf, entry: { ...entry } };
  }
  return null;
}

/** Vectors of one multi-message MSI stand side by side in one domain's pirqs. */
function isLaterVector(context: Context, entry: MsiEntry, irq: number): boolean {
  if (entry.vectors === 1) return false;
  return Object.values(context.state.irq.domains).some(({ pirqOf }) => {
    const first = pirqOf[entry.irq];
    const here = pirqOf[irq];
    return first !== undefined && here !== undefined && here > first && here < first + entry.vectors;
  });
}

/**
 * `pci_enable_msi`: 0, a negative errno, or the number of vectors the device has when more were asked for.
 * @source facts/xen 2.3, xen/arch/x86/msi.c
 */
export function enableMsi(
  context: Context,
  caller: DomainId,
  { name, entry, tableBase }: MsiRequest,
  irq: number,
  vectors: number,
): number {
  if (!x86Facts(context.env).msi) return -errno.EPERM;
  return tableBase === 0
    ? enablePlain(context, name, irq, vectors)
    : enableMsix(context, caller, name, entry, irq);
}

function enablePlain(context: Context, name: XenSbdf, irq: number, vectors: number): number {
  if (find(context, name, 'msi', irq) !== undefined) return -errno.EEXIST;
  const other = find(context, name, 'msix');
  if (other !== undefined) context.emit('xen', 'msi.disabled', { sbdf: name, irq: other.irq });
  const at = msiAt(context, name);
  if (at === 0) return -errno.ENODEV;
  const most = 1 << ((peek(context, name, at + 2, 2) >>> 1) & 7);
  if (vectors > most) return most;
  context.emit('xen', 'msi.enabled', { sbdf: name, type: 'msi', entry: 0, irq, vectors });
  return 0;
}

function enableMsix(context: Context, caller: DomainId, name: XenSbdf, entry: number, irq: number): number {
  const entries = msixEntries(context, name);
  if (entries === 0) return -errno.ENODEV;
  if (entry < 0 || entry >= entries) return -errno.EINVAL;
  if (find(context, name, 'msix', irq) !== undefined) return -errno.EEXIST;
  const other = find(context, name, 'msi');
  if (other !== undefined) context.emit('xen', 'msi.disabled', { sbdf: name, irq: other.irq });
  const ready = setUpTable(context, name, caller);
  if (ready !== 0) return ready;
  context.emit('xen', 'msi.enabled', { sbdf: name, type: 'msix', entry, irq, vectors: 1 });
  return 0;
}

const find = (context: Context, name: XenSbdf, type: string, irq?: number): MsiEntry | undefined =>
  deviceMsi(context, name).entries.find(
    (entry) => entry.type === type && (irq === undefined || entry.irq === irq),
  );

/** Uses of the MSI-X table: its entries, and one for prepare_msix. */
function usesOfTable(context: Context, name: XenSbdf): number {
  const device = deviceMsi(context, name);
  return device.entries.filter((entry) => entry.type === 'msix').length + (device.prepared ? 1 : 0);
}

/**
 * The part of `msix_capability_init` that can refuse. Xen finds the table itself only for prepare_msix and for the
 * hardware domain's own or quarantined devices; for a guest's device it must have been prepared before.
 * @param caller Null for prepare_msix.
 */
function setUpTable(context: Context, name: XenSbdf, caller: DomainId | null): number {
  if (!isMemoryDecoded(context, name)) return -errno.ENXIO;
  if (usesOfTable(context, name) > 0) return 0;
  const owner = context.state.xen.devices[name]?.owner;
  const mayFind =
    caller === null || (caller === hardwareDomain(context) && (owner === caller || owner === domids.IO));
  if (!mayFind) return -errno.ENODATA;
  return caller === null && tableAddress(context, name) === 0 ? -errno.ENXIO : 0;
}

/**
 * Whether the function claims memory accesses; for a virtual function Xen looks at the COMMAND of the physical one.
 * @source xen/arch/x86/msi.c (memory_decoded) at RELEASE-4.17.0 to 4.22.0
 */
function isMemoryDecoded(context: Context, name: XenSbdf): boolean {
  const physfn = context.state.xen.devices[name]?.physfn ?? null;
  const asReleased = hasBehaviour(context.env.behaviour, 'xen-as-released');
  if (physfn === null || asReleased) return (peek(context, physfn ?? name, 0x04, 2) & COMMAND_MEMORY) !== 0;
  const at = extendedCapabilityAt(context, physfn, capability.SRIOV);
  const control = at === 0 ? 0 : peek(context, physfn, at + 8, 2);
  return (control & SRIOV_CONTROL_VFE_MSE) === SRIOV_CONTROL_VFE_MSE;
}

/**
 * Frames of MSI-X tables and pending bits of devices Xen set up: read-only for everybody. As built, a pending-bit array
 * counts one byte per 64 entries.
 * @source xen/arch/x86/msi.c (msix_capability_init)
 */
export function msixFrames(context: Context): (readonly [first: number, last: number])[] {
  const frames: (readonly [number, number])[] = [];
  const add = (address: number, sizeBytes: number): void => {
    frames.push([Math.floor(address / PAGE), Math.floor((address + sizeBytes - 1) / PAGE)]);
  };
  for (const key of Object.keys(context.state.irq.msi)) {
    const name = Number(key) as XenSbdf;
    if (usesOfTable(context, name) === 0) continue;
    const entries = msixEntries(context, name);
    const at = msixAt(context, name);
    const offset = (reg: number): number => (peek(context, name, at + reg, 4) & ~7) >>> 0;
    add(tableAddress(context, name, TABLE) + offset(TABLE), entries * 16);
    add(tableAddress(context, name, PENDING) + offset(PENDING), Math.ceil(entries / 64));
  }
  return frames;
}

/** Address of the register the MSI-X table, or what else is asked for, lies behind; 0 when it is unset or no memory register. */
function tableAddress(context: Context, name: XenSbdf, what: typeof TABLE | typeof PENDING = TABLE): number {
  const bir = peek(context, name, msixAt(context, name) + what, 4) & 7;
  const physfn = context.state.xen.devices[name]?.physfn ?? null;
  if (physfn !== null && hasBehaviour(context.env.behaviour, 'xen-as-released'))
    return virtualAddress(context, name, physfn, bir);
  // The registers of virtual functions stand in the capability of the physical one.
  const [holder, first] =
    physfn === null ? [name, 0x10] : [physfn, extendedCapabilityAt(context, physfn, capability.SRIOV) + 0x24];
  if (bir > 5) return 0;
  const low = peek(context, holder, first + 4 * bir, 4);
  if ((low & 1) !== 0) return 0;
  const high = (low & 6) === 4 ? peek(context, holder, first + 4 * bir + 4, 4) : 0;
  return high * 0x1_0000_0000 + ((low & ~0xf) >>> 0);
}

/**
 * `read_pci_mem_bar` of a virtual function: each has its share of the range the physical one describes, one after the
 * other. A capability that is off or makes no sense gives 0.
 * @source xen/arch/x86/msi.c (read_pci_mem_bar) at RELEASE-4.17.0 to 4.22.0
 */
function virtualAddress(context: Context, name: XenSbdf, physfn: XenSbdf, bir: number): number {
  const at = extendedCapabilityAt(context, physfn, capability.SRIOV);
  if (at === 0 || bir > 5) return 0;
  const word = (reg: number): number => peek(context, physfn, at + reg, 2);
  const [control, count] = [word(sriov.control), word(sriov.numVfs)];
  const [offset, stride] = [word(sriov.vfOffset), word(sriov.vfStride)];
  if ((control & SRIOV_CONTROL_VFE_MSE) !== SRIOV_CONTROL_VFE_MSE) return 0;
  if (count === 0 || offset === 0 || (count > 1 && stride === 0)) return 0;
  const distance = bdfOf(name) - bdfOf(physfn) - offset;
  if (distance < 0 || (stride !== 0 && distance % stride !== 0)) return 0;
  const index = stride === 0 ? distance : distance / stride;
  const reg = at + sriov.bar0 + 4 * bir;
  const low = peek(context, physfn, reg, 4);
  if (index >= count || (low & 1) !== 0) return 0;
  const isWide = (low & 6) === 4;
  if (isWide && bir === 5) return 0;
  const high = isWide ? peek(context, physfn, reg + 4, 4) : 0;
  const base = high * 0x1_0000_0000 + ((low & ~0xf) >>> 0);
  if (base === 0) return 0;
  // A description may hold what a register says and not which of its bits can change: then the smallest range is taken.
  const sizeBytes = virtualRangeBytes(context, physfn, reg, isWide) || PAGE;
  return base + index * sizeBytes;
}

/** What Xen measured when Dom0 first told it of the physical function: the bits software can change. */
function virtualRangeBytes(context: Context, physfn: XenSbdf, reg: number, isWide: boolean): number {
  const fn = functionBehind(context.state, context.env, physfn);
  const mask = fn === null ? null : (describeFunction(context.env.platform, fn)?.writeMask ?? null);
  if (mask === null) return 0;
  const bits = (at: number): number =>
    ((mask[at] ?? 0) |
      ((mask[at + 1] ?? 0) << 8) |
      ((mask[at + 2] ?? 0) << 16) |
      ((mask[at + 3] ?? 0) << 24)) >>>
    0;
  const low = (bits(reg) & ~0xf) >>> 0;
  if (low !== 0) return (low & -low) >>> 0;
  const high = isWide ? bits(reg + 4) : 0;
  return ((high & -high) >>> 0) * 0x1_0000_0000;
}

/** `pci_disable_msi` and `msi_free_irq` of one entry. */
export function disableMsi(context: Context, name: XenSbdf, irq: number): void {
  context.emit('xen', 'msi.disabled', { sbdf: name, irq });
}

/** `pci_prepare_msix`, both ways. @source facts/xen 2.4 */
export function prepareMsix(context: Context, name: XenSbdf, release: boolean): number {
  if (!x86Facts(context.env).msi) return 0;
  // Xen takes it for granted that the device has MSI-X; one without is answered like one that is not there.
  if (context.state.xen.devices[name] === undefined || msixAt(context, name) === 0) return -errno.ENODEV;
  if (usesOfTable(context, name) !== (release ? 1 : 0)) return -errno.EBUSY;
  const ready = release ? 0 : setUpTable(context, name, null);
  if (ready !== 0) return ready;
  context.emit('xen', 'msix.prepared', { sbdf: name, prepared: !release });
  return 0;
}

/** `pci_restore_msi_state`, after the device was found. @source facts/xen 2.4 */
export function restoreMsi(context: Context, name: XenSbdf): number {
  const hasMsix = find(context, name, 'msix') !== undefined;
  if (hasMsix && !isMemoryDecoded(context, name)) return -errno.ENXIO;
  context.emit('xen', 'msi.restored', { sbdf: name });
  return 0;
}

/** Why a device with MSI-X may not change hands: MASKALL is set in hardware. @source facts/xen 7.2 step 7 */
export function isMsixMasked(context: Context, name: XenSbdf): boolean {
  const at = msixAt(context, name);
  return at !== 0 && (peek(context, name, at + 2, 2) & MSIX_MASKALL) !== 0;
}

/**
 * `pci_conf_write_intercept`: 0 passed on as it is, 1 passed on with `value`, or a negative errno.
 * @source facts/xen 3.3, xen/arch/x86/msi.c
 */
export function interceptWrite(
  context: Context,
  name: XenSbdf,
  reg: number,
  size: number,
  data: number,
): { readonly verdict: number; readonly value: number } {
  const pass = { verdict: 0, value: data };
  const refuse = { verdict: -errno.EACCES, value: data };
  if (reg < 64 || reg >= 256 || context.state.xen.devices[name] === undefined) return pass;
  const msix = msixAt(context, name);
  if (msix !== 0 && reg >= msix && reg < msix + 12) {
    if (reg !== msix + 2 || size !== 2) return refuse;
    const maskall = (data & MSIX_MASKALL) !== 0;
    if (deviceMsi(context, name).guestMaskall !== maskall)
      context.emit('xen', 'msix.masked', { sbdf: name, maskall });
    // Xen's own MASKALL is set only while it works on the table, never between two accesses.
    return { verdict: 1, value: data };
  }
  const entry = find(context, name, 'msi');
  if (entry === undefined) return pass;
  const at = msiAt(context, name);
  const control = peek(context, name, at + 2, 2);
  if ((control & 0x100) === 0) return pass;
  const maskAt = at + ((control & 0x80) !== 0 ? 0x10 : 0x0c);
  if (reg < at || reg >= maskAt + 8) return pass;
  if (reg === at + 2) return size === 2 ? { verdict: 1, value: data } : refuse;
  if (reg < maskAt || reg >= maskAt + 4 || size !== 4) return refuse;
  return { verdict: 1, value: (data | unusedMask(control, entry.vectors)) >>> 0 };
}

/** Mask bits of vectors the device has but nobody uses stay set. */
function unusedMask(control: number, vectors: number): number {
  const most = 1 << ((control >>> 1) & 7);
  return (2 ** most - 2 ** vectors) >>> 0;
}

/** `pci_cleanup_msi`: a device that goes leaves no entry behind. */
export function dropMsi(context: Context, name: XenSbdf): void {
  for (const entry of [...deviceMsi(context, name).entries]) {
    context.emit('xen', 'msi.disabled', { sbdf: name, irq: entry.irq });
    if (context.state.irq.created[entry.irq] !== undefined)
      context.emit('xen', 'irq.destroyed', { irq: entry.irq });
  }
}

/** Physical function of a virtual function's request, in the request's own segment. */
export const physicalFunction = (name: XenSbdf, physfn: number): XenSbdf =>
  sbdf<XenSbdf>(segmentOf(name), physfn);
