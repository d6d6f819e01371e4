import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { findCapability } from '../../pci/capability-walk.js';
import { type Bdf, bdf, formatSbdf, sbdf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { has } from '../../policy/has.js';
import type { Context } from '../context.js';
import { functionBehind, xenConfigRead } from './config-access.js';
import { hardwareDomain } from './domains.js';
import { attachToIommu, removeFromIommu } from './iommu.js';
import { dropMsi, physicalFunction } from './msi.js';
import { attachVpci, detachVpci } from './vpci/attach.js';

/** What the caller of an add says about the device beyond its name. */
export interface AddInfo {
  readonly isExtfn: boolean;
  readonly isVirtfn: boolean;
  readonly physfn: Bdf;
}

const capabilityIds = { express: 0x10 } as const;

/**
 * `pci_add_device`: any segment number is accepted and its object made; a failed IOMMU step leaves the device object
 * behind without an owner, so that a later add retries and an assign says -EBUSY. @source facts/xen 2.4, 3.4
 */
export function addDevice(context: Context, name: XenSbdf, info: AddInfo): number {
  createSegment(context, segmentOf(name));
  const known = context.state.xen.devices[name];
  const missing = info.isVirtfn ? addMissingPhysical(context, name, info.physfn) : 0;
  if (missing !== 0) {
    if (known !== undefined) context.emit('xen', 'device.unregistered', { sbdf: name });
    return missing;
  }
  const type = known?.type ?? readType(context, name);
  const isExtfn = info.isVirtfn ? 'virtfn' : info.isExtfn ? 'extfn' : 'plain';
  const physfn = info.isVirtfn ? physicalFunction(name, info.physfn) : null;
  const register = (owner: DomainId | null): void => {
    context.emit('xen', 'device.registered', {
      sbdf: name,
      function: functionBehind(context.state, context.env, name),
      owner,
      type,
      isExtfn,
      physfn,
    });
  };
  // A device that has an owner is only enabled again, whatever comes of it; what the caller says of it counts.
  if (known !== undefined && known.owner !== null) {
    if (known.physfn !== physfn || known.extfn !== isExtfn) register(known.owner);
    return 0;
  }
  const owner = hardwareDomain(context);
  const emulation = attachVpci(context, name, owner);
  if (emulation !== 0) {
    register(null);
    return emulation;
  }
  const failure = attachToIommu(context, name, owner, type);
  if (failure === null) {
    register(owner);
    return 0;
  }
  detachVpci(context, name);
  register(null);
  context.emit('xen', 'device.failed', {
    sbdf: name,
    step: 'iommu',
    errno: failure.errno,
    reason: failure.reason,
  });
  return failure.errno;
}

/**
 * A virtual function needs its physical one: from 4.20 on an unknown one is -ENODEV; before that Xen adds it first, and
 * only 4.19 minds when that fails. 0 when the virtual function may go on.
 * @source facts/xen 2.4 step 4; pci_add_device of stable-4.17 to stable-4.20
 */
function addMissingPhysical(context: Context, name: XenSbdf, physfn: Bdf): number {
  const physical = physicalFunction(name, physfn);
  if (context.state.xen.devices[physical] !== undefined) return 0;
  if (!has(context.env, 'sriov-unknown-physical-refused')) {
    const plain = { isExtfn: false, isVirtfn: false, physfn };
    const ret = addDevice(context, physical, plain);
    return has(context.env, 'sriov-links') ? ret : 0;
  }
  const reason = `Attempted to add SR-IOV VF ${formatSbdf(name)} without PF ${formatSbdf(physical)}`;
  context.emit('xen', 'device.failed', { sbdf: name, step: 'virtfn', errno: -errno.ENODEV, reason });
  return -errno.ENODEV;
}

/** `pci_remove_device`; before 4.19 Xen does not know which virtual functions belong to it. @source facts/xen 2.4 */
export function removeDevice(context: Context, name: XenSbdf): number {
  const device = context.state.xen.devices[name];
  if (device === undefined) return -errno.ENODEV;
  const isLinked = has(context.env, 'sriov-links');
  const virtual = isLinked ? virtualFunctions(context, name) : [];
  if (virtual.length > 0) {
    for (const broken of [...virtual, name]) context.emit('xen', 'device.broken', { sbdf: broken });
    const reason = `Attempted to remove PCI SR-IOV PF ${formatSbdf(name)} with VFs still present`;
    context.emit('xen', 'device.failed', { sbdf: name, step: 'remove', errno: -errno.EBUSY, reason });
    return -errno.EBUSY;
  }
  detachVpci(context, name);
  dropMsi(context, name);
  const ret = removeFromIommuOf(context, name);
  if (context.state.xen.panicked !== null) return 0;
  context.emit('xen', 'device.unregistered', { sbdf: name });
  const isArm = context.env.platform.arch === 'arm64';
  return hasBehaviour(context.env.behaviour, isArm ? 'arm-as-it-runs' : 'xen-as-released') ? ret : 0;
}

/**
 * `iommu_remove_device`: what it answers is the answer of the whole removal, and keeps Xen from nothing. A device without
 * a domain is forgotten all the same.
 * @source xen/drivers/passthrough/pci.c (iommu_remove_device, pci_remove_device) at RELEASE-4.17.0 to 4.22.0
 */
function removeFromIommuOf(context: Context, name: XenSbdf): number {
  if ((context.state.xen.devices[name]?.owner ?? null) === null) return -errno.EINVAL;
  return removeFromIommu(context, name)?.errno ?? 0;
}

/** Virtual functions Xen has linked to a physical one, in the order of their names. */
function virtualFunctions(context: Context, physfn: XenSbdf): XenSbdf[] {
  return Object.keys(context.state.xen.virtualFunctions[physfn] ?? {}).map((name) => Number(name) as XenSbdf);
}

/** A number Xen has no object for gets one, bridge or not. @source facts/xen 2.4 step 2 */
function createSegment(context: Context, segment: number): void {
  if (context.state.xen.segments[segment] === undefined) context.emit('xen', 'segment.created', { segment });
}

/**
 * Device type from the class code and the PCI Express capability, read through the name: with the wrong bridge behind
 * it, this is where another device's registers are touched first. @source facts/xen 3.1
 */
export function readType(context: Context, name: XenSbdf): string {
  const deviceClass = xenConfigRead(context, name, 0x0a, 2);
  const express = findCapability(
    (reg, size) => xenConfigRead(context, name, reg, size),
    capabilityIds.express,
  );
  if (deviceClass === 0x0604) {
    if (express === 0) return 'legacy-bridge';
    const port = (xenConfigRead(context, name, express + 2, 2) >>> 4) & 0xf;
    return port === 7 ? 'pcie-to-pci' : port === 8 ? 'pci-to-pcie' : 'pcie-bridge';
  }
  if (deviceClass === 0x0600) return 'host-bridge';
  if (deviceClass === 0xffff) return 'unknown';
  return express === 0 ? 'pci' : 'pcie-endpoint';
}

export const packName = (segment: number, bus: number, devfn: number): XenSbdf =>
  sbdf<XenSbdf>(segment & 0xffff, bdf(bus, devfn >>> 3, devfn & 7));
