import type { RecordObject } from '../events/field.js';
import { argNumber, argRecord } from '../models/hypercall.js';
import { bridgeIndex } from '../models/xen/arm-bridges.js';
import { machineName } from '../models/xen/assignment.js';
import { functionBehind } from '../models/xen/config-access.js';

import { bridgeOf, type FunctionId, functionId } from '../pci/function-id.js';
import { type AnySbdf, bdf, bdfOf, type Dom0Sbdf, sbdf, segmentOf, type XenSbdf } from '../pci/sbdf.js';
import type { Env } from '../state/env.js';
import type { ReadonlyWorld } from '../state/world.js';

/** The function Dom0 means by a name in its own numbering; null when it has no bridge of that number. */
export function meantByDom0(state: ReadonlyWorld, env: Env, name: Dom0Sbdf): FunctionId | null {
  const held = state.dom0.bridges.find((bridge) => bridge.segment === segmentOf(name));
  if (held === undefined) return null;
  const index = bridgeIndex(env, held.cfgBase);
  return index < 0 ? null : functionId(index, bdfOf(name));
}

/**
 * The same for people: on x86 firmware's numbering is everybody's, also where no event says that Linux took the bridge
 * over.
 */
export function readByDom0(state: ReadonlyWorld, env: Env, name: Dom0Sbdf): FunctionId | null {
  const known = meantByDom0(state, env, name);
  if (known !== null || env.platform.arch !== 'x86_64') return known;
  return functionBehind(state, env, sbdf<XenSbdf>(segmentOf(name), bdfOf(name)));
}

/** Firmware's name for a function of an x86 machine, which everybody uses; null elsewhere. */
function firmwareName(env: Env, fn: FunctionId): number | null {
  const bridge = env.platform.bridges[bridgeOf(fn)];
  if (env.platform.arch !== 'x86_64' || bridge === undefined) return null;
  return (bridge.pciDomain ?? bridgeOf(fn)) * 0x1_0000 + bdfOf(fn);
}

/** Dom0's name for a function; null while it has not registered the bridge. */
export function dom0Name(state: ReadonlyWorld, env: Env, fn: FunctionId): Dom0Sbdf | null {
  const byFirmware = firmwareName(env, fn);
  if (byFirmware !== null) return byFirmware as Dom0Sbdf;
  const cfgBase = env.platform.bridges[Math.floor(fn / 0x1_0000)]?.cfgBase;
  const held = state.dom0.bridges.find((bridge) => bridge.cfgBase === cfgBase);
  return held === undefined ? null : sbdf<Dom0Sbdf>(held.segment, fn & 0xffff);
}

/** Xen's name for a function; null while the bridge has no number there. */
export function xenName(state: ReadonlyWorld, env: Env, fn: FunctionId): XenSbdf | null {
  const byFirmware = firmwareName(env, fn);
  if (byFirmware !== null) return byFirmware as XenSbdf;
  const cfgBase = env.platform.bridges[Math.floor(fn / 0x1_0000)]?.cfgBase;
  const held = state.xen.bridges.find((bridge) => bridge.cfgBase === cfgBase);
  return held === undefined || held.segment === null ? null : sbdf<XenSbdf>(held.segment, fn & 0xffff);
}

/** The device name inside a hypercall's arguments; null when the operation names no device. @source facts/xen 2.1, 7.1 */
export function deviceNamed(hypercall: string, op: string, args: RecordObject): AnySbdf | null {
  if (hypercall === 'domctl') {
    if (!['assign_device', 'test_assign_device', 'deassign_device'].includes(op)) return null;
    return machineName(args);
  }
  if (hypercall === 'sysctl')
    return op === 'pci_device_set_assigned' || op === 'pci_device_get_assigned' ? machineName(args) : null;
  if (hypercall !== 'physdev_op') return null;
  const at = (record: RecordObject, segment: number): AnySbdf => {
    const devfn = argNumber(record, 'devfn');
    return sbdf<XenSbdf>(segment, bdf(argNumber(record, 'bus'), devfn >>> 3, devfn & 7));
  };
  switch (op) {
    case 'pci_device_add':
    case 'pci_device_remove':
    case 'restore_msi_ext':
    case 'prepare_msix':
    case 'release_msix':
      return at(args, argNumber(args, 'seg'));
    case 'manage_pci_add':
    case 'manage_pci_remove':
    case 'manage_pci_add_ext':
      return at(args, 0);
    case 'pci_device_reset': {
      const device = argRecord(args, 'dev');
      return at(device, argNumber(device, 'seg'));
    }
    default:
      return null;
  }
}
