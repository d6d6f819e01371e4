import { errno } from '../../../base/errno.js';
import { hexPad } from '../../../base/hex.js';
import type { Dom0Sbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { slot } from './device.js';
import { rescan } from './host.js';
import { removeDevice } from './hotplug.js';
import { scanBelow } from './scan.js';
import { assignBelowBridge } from './setup.js';
import { Work } from './work.js';

/**
 * The file `resource` from what Linux assigned: six BARs, ROM, six of virtual functions, and a bridge's windows behind;
 * null when Linux did not scan this device itself. @source facts/dom0 9.1; drivers/pci/pci-sysfs.c of v6.1
 */
export function resourceLines(context: Context, device: Dom0Sbdf): string | null {
  const { linuxTree } = context.state;
  if (!linuxTree.order.includes(device)) return null;
  const held = linuxTree.resources[device] ?? {};
  const isBridge = linuxTree.buses.some((bus) => bus.bridge === device);
  return Array.from({ length: isBridge ? slot.count : slot.io }, (_, index) => {
    const one = held[index];
    if (one === undefined) return text(0, 0, 0);
    return text(one.start, one.start + one.sizeBytes - 1, one.flags);
  }).join('\n');
}

const text = (start: number, end: number, flags: number): string =>
  `0x${hexPad(start, 16)} ${end < 0 ? '0xffffffffffffffff' : `0x${hexPad(end, 16)}`} 0x${hexPad(flags, 16)}`;

const RESCAN = /^\/sys\/(?:bus\/pci\/rescan|class\/pci_bus\/([0-9a-f]{4,}):([0-9a-f]{2})\/rescan)$/;

/** A write to `rescan` of all buses or of one; null: another file. @source drivers/pci/pci-sysfs.c of v6.1 */
export function rescanFromSysfs(context: Context, path: string, value: string): number | null {
  const match = RESCAN.exec(path);
  if (match === null || !hasBehaviour(context.env.behaviour, 'linux-assigns')) return null;
  if (!/^[1-9]\d*$/.test(value)) return value === '0' ? 0 : -errno.EINVAL;
  const work = new Work(context);
  if (match[1] === undefined) {
    for (const root of work.tree.roots) rescan(work, root);
    return 0;
  }
  const bus = work.bus(Number.parseInt(match[1], 16), Number.parseInt(match[2]!, 16));
  if (bus === null) return -errno.ENOENT;
  if (bus.self === null || bus.devices.length > 0) rescan(work, bus);
  else {
    scanBelow(work, bus, 0, false);
    assignBelowBridge(work, bus.self);
    work.settle();
  }
  return 0;
}

/** `remove` and `rescan` of a device; null: another file. */
export function deviceFile(context: Context, device: Dom0Sbdf, file: string, value: string): number | null {
  if (file !== 'remove' && file !== 'rescan') return null;
  if (!hasBehaviour(context.env.behaviour, 'linux-assigns')) return null;
  if (!/^[1-9]\d*$/.test(value)) return value === '0' ? 0 : -errno.EINVAL;
  const work = new Work(context);
  const known = work.device(device);
  if (known === null) return null;
  if (file === 'rescan') rescan(work, known.bus);
  else {
    removeDevice(work, known);
    work.settle();
  }
  return 0;
}
