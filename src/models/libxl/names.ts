import { hexPad } from '../../base/hex.js';
import { busOf, type Dom0Sbdf, devOf, fnOf, formatSbdf, segmentOf } from '../../pci/sbdf.js';
import { DEVICES } from '../linux/sysfs.js';

/** `/libxl/pci/<dddd>-<bb>-<dd>-<f>`; before 4.15 `/libxl/pciback/…`. @source facts/dom0 4.6 */
export function libxlPath(device: Dom0Sbdf, key?: string): string {
  const node = `/libxl/pci/${hexPad(segmentOf(device), 4)}-${hexPad(busOf(device), 2)}-${hexPad(devOf(device), 2)}-${fnOf(device)}`;
  return key === undefined ? node : `${node}/${key}`;
}

/** `d:b:s.f` as libxl's messages print it. */
export const messageName = (device: Dom0Sbdf): string =>
  `${segmentOf(device).toString(16)}:${busOf(device).toString(16)}:${devOf(device).toString(16)}.${fnOf(device)}`;

export const deviceFile = (device: Dom0Sbdf, file: string): string =>
  `${DEVICES}/${formatSbdf(device)}/${file}`;

/** QEMU's name of the device; the segment is not in it. @source facts/dom0 8.5 step 10 */
export const qemuId = (device: Dom0Sbdf): string =>
  `pci-pt-${hexPad(busOf(device), 2)}_${hexPad(devOf(device), 2)}.${fnOf(device)}`;
