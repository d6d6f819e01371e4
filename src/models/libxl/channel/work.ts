import { errno } from '../../../base/errno.js';
import { type Dom0Sbdf, formatSbdf, parseSbdf } from '../../../pci/sbdf.js';
import type { ChannelMessage } from '../../../state/vchan.js';
import type { Context } from '../../context.js';
import { by, linuxHypercall } from '../../linux/devices.js';
import {
  DEVICES,
  driverLink,
  PCIBACK,
  sysfsExists,
  sysfsList,
  sysfsRead,
  sysfsWrite,
} from '../../linux/sysfs.js';

/** What the server answers: 0 or a negative errno, and what it read. */
export interface Work {
  readonly errno: number;
  readonly text: string;
}

const found = (text: string): Work => ({ errno: 0, text });
const failed = (errnoValue: number): Work => ({ errno: errnoValue, text: '' });

/**
 * Carries out one request in the hardware domain, on its own files. The device is looked up under the name the
 * toolstack sent: in the hardware domain's numbering, whatever numbering the toolstack meant.
 */
export function carryOut(context: Context, request: Readonly<ChannelMessage>): Work {
  const who = by(context);
  if (request.verb === 'list') {
    const names = sysfsList(context, who, PCIBACK);
    return names === null ? failed(-errno.ENOENT) : found(names.join(' '));
  }
  const device = parseSbdf<Dom0Sbdf>(request.device);
  if (device === null) return failed(-errno.EINVAL);
  const file = (name: string): string => `${DEVICES}/${formatSbdf(device)}/${name}`;
  switch (request.verb) {
    case 'bind':
      return bind(context, device);
    case 'unbind':
      return unbind(context, device, request.argument);
    case 'reset':
      if (!sysfsExists(context, who, file('reset'))) return failed(-errno.ENOENT);
      return { errno: sysfsWrite(context, who, file('reset'), '1'), text: '' };
    case 'resources':
      return sysfsRead(context, who, file('resource'));
    case 'irq':
      return interrupt(context, sysfsRead(context, who, file('irq')), request.argument);
    case 'groups':
      return siblings(context, device);
    case 'permissive':
      return {
        errno: sysfsWrite(context, who, `${PCIBACK}/permissive`, formatSbdf(device)),
        text: '',
      };
  }
}

/**
 * The pin's interrupt. Xen maps a GSI for a guest only when the caller has it mapped or is the hardware domain (-EINVAL
 * otherwise), which the toolstack's domain is not: the server maps it when a guest is named.
 * @source xen/arch/x86/irq.c (allocate_and_map_gsi_pirq), facts/xen 2.3
 */
function interrupt(context: Context, read: Work, guest: string): Work {
  const irq = Number(read.text);
  if (read.errno !== 0 || guest === '' || irq <= 0 || irq >= 255) return read;
  if (context.env.platform.arch !== 'x86_64') return read;
  const args = {
    domid: Number(guest),
    type: 1,
    index: irq,
    pirq: irq,
    bus: 0,
    devfn: 0,
    entry_nr: 0,
    table_base: 0,
  };
  const ret = linuxHypercall(context, 'physdev_op', 'map_pirq', args);
  return ret === 0 ? read : failed(ret);
}

/** Off its driver and on to pciback; the answer names the driver it had. */
function bind(context: Context, device: Dom0Sbdf): Work {
  const who = by(context);
  const name = formatSbdf(device);
  if (!sysfsExists(context, who, `${DEVICES}/${name}`)) return failed(-errno.ENOENT);
  if (!sysfsExists(context, who, PCIBACK)) return failed(-errno.ENODEV);
  if (sysfsExists(context, who, `${PCIBACK}/${name}`)) return found('');
  const driver = driverLink(context, who, device);
  if (driver !== null) {
    const off = sysfsWrite(context, who, `${driver}/unbind`, name);
    if (off !== 0) return failed(off);
  }
  sysfsWrite(context, who, `${PCIBACK}/new_slot`, name);
  return { errno: sysfsWrite(context, who, `${PCIBACK}/bind`, name), text: driver ?? '' };
}

/** Off pciback, and back to the driver that is named. */
function unbind(context: Context, device: Dom0Sbdf, driver: string): Work {
  const who = by(context);
  const name = formatSbdf(device);
  if (sysfsExists(context, who, `${PCIBACK}/${name}`)) {
    sysfsWrite(context, who, `${PCIBACK}/unbind`, name);
    sysfsWrite(context, who, `${PCIBACK}/remove_slot`, name);
  }
  return driver === '' ? found('') : { errno: sysfsWrite(context, who, `${driver}/bind`, name), text: '' };
}

/**
 * Functions of the slot, each with its driver: what has to go together as far as the hardware domain can tell. Under
 * Xen it has no IOMMU groups to add. @source facts/dom0 9.2, 10.5
 */
function siblings(context: Context, device: Dom0Sbdf): Work {
  const who = by(context);
  const there: string[] = [];
  for (let fn = 0; fn < 8; fn++) {
    const name = formatSbdf((device & ~7) + fn);
    if (!sysfsExists(context, who, `${DEVICES}/${name}`)) continue;
    const bound = sysfsExists(context, who, `${PCIBACK}/${name}`);
    there.push(`${name}=${bound ? 'pciback' : 'other'}`);
  }
  return there.length === 0 ? failed(-errno.ENOENT) : found(there.join(' '));
}
