import { errno } from '../../../base/errno.js';
import type { RecordObject } from '../../../events/field.js';
import { type Dom0Sbdf, formatSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import {
  by,
  disableDevice,
  enableDevice,
  linuxDevice,
  linuxLog,
  linuxRead,
  linuxWrite,
  resourcesOf,
} from '../devices.js';
import type { DevicePort, PolicyState } from './device.js';

/** Changes what pciback remembers of a device. */
export function patchDevice(context: Context, sbdf: Dom0Sbdf, patch: RecordObject): void {
  context.emit(by(context), 'pciback.policy-changed', { sbdf, patch });
}

/** A seized device as the config-space policy sees it; undefined when pciback does not have it. */
export function devicePort(context: Context, sbdf: Dom0Sbdf): DevicePort | undefined {
  const own = () => context.state.pciback.devices[sbdf];
  const device = linuxDevice(context, sbdf);
  if (own() === undefined || device === undefined) return undefined;
  return {
    read: (reg, size) => linuxRead(context, sbdf, reg, size),
    write: (reg, size, value) => linuxWrite(context, sbdf, reg, size, value),
    ids: { vendor: linuxRead(context, sbdf, 0, 2), device: linuxRead(context, sbdf, 2, 2) },
    irqLine: device.gsi & 0xff,
    resources: resourcesOf(context, sbdf),
    permissiveGlobal: context.state.pciback.permissiveGlobal,
    get policy(): PolicyState {
      return own()!;
    },
    update: (patch) => patchDevice(context, sbdf, patch as RecordObject),
    enable: () => {
      const failed = enableDevice(context, sbdf);
      if (failed === 0) patchDevice(context, sbdf, { enabled: true });
      return failed === -errno.ENODEV ? -errno.EIO : failed;
    },
    disable: () => {
      disableDevice(context, sbdf);
      patchDevice(context, sbdf, { enabled: false, isBusmaster: false });
    },
    warn: (text) => linuxLog(context, `pciback ${formatSbdf(sbdf)}: xen_pciback: ${text}`),
  };
}
