import { errno } from '../../base/errno.js';
import { hexPad } from '../../base/hex.js';
import { busOf, type Dom0Sbdf, devOf, fnOf, formatSbdf, parseSbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { Context, Decider } from '../context.js';
import { by, disableDevice, linuxDevice, linuxLog, linuxRead, linuxWrite, resourcesOf } from './devices.js';
import { fieldsOf } from './pciback/config-policy.js';
import { devicePort, patchDevice } from './pciback/port.js';
import { releaseDevice, seizeDevice } from './pciback/stub.js';
import { resetFunction, resetMethods, restoreState, saveState } from './reset.js';
import { deviceFile, rescanFromSysfs, resourceLines } from './tree/files.js';

export const DEVICES = '/sys/bus/pci/devices';
const DRIVERS = '/sys/bus/pci/drivers';
export const PCIBACK = `${DRIVERS}/pciback`;

/** Outcome of one access: 0 or a negative errno, and what was read. */
export interface SysfsAnswer {
  readonly errno: number;
  readonly text: string;
}

const done: SysfsAnswer = { errno: 0, text: '' };
const refused = (value: number): SysfsAnswer => ({ errno: -value, text: '' });
const found = (text: string): SysfsAnswer => ({ errno: 0, text });

export const decideSysfsRequest: Decider<'sysfs.requested'> = (context, { by: actor, data }) => {
  if (data.verb === 'read') sysfsRead(context, actor, data.path);
  else sysfsWrite(context, actor, data.path, data.value ?? '');
};

/** Whether a file or folder is there. */
export function sysfsExists(context: Context, actor: string, path: string): boolean {
  const there = lookUp(context, path);
  record(context, actor, 'exists', path, null, there ? done : refused(errno.ENOENT));
  return there;
}

/** Names in a folder, in the order the kernel lists them. */
export function sysfsList(context: Context, actor: string, path: string): readonly string[] | null {
  const names = path === PCIBACK && context.state.pciback.running ? listPciback(context) : null;
  record(context, actor, 'list', path, null, names === null ? refused(errno.ENOENT) : found(names.join(' ')));
  return names;
}

/** Target of a device's `driver` link; null without a driver. */
export function driverLink(context: Context, actor: string, device: Dom0Sbdf): string | null {
  const driver = linuxDevice(context, device)?.driver ?? null;
  const target = driver === null ? null : `${DRIVERS}/${driver}`;
  const path = `${DEVICES}/${formatSbdf(device)}/driver`;
  record(context, actor, 'link', path, null, target === null ? refused(errno.ENOENT) : found(target));
  return target;
}

export function sysfsRead(context: Context, actor: string, path: string): SysfsAnswer {
  const answer = read(context, path);
  record(context, actor, 'read', path, null, answer);
  return answer;
}

/** A write; what the kernel does in the course of it comes before the record of the access. */
export function sysfsWrite(context: Context, actor: string, path: string, value: string): number {
  const result = write(context, path, value.trim());
  record(context, actor, 'write', path, value, { errno: result, text: '' });
  return result;
}

function record(
  context: Context,
  actor: string,
  verb: 'read' | 'write' | 'list' | 'exists' | 'link',
  path: string,
  value: string | null,
  answer: SysfsAnswer,
): void {
  const result = answer.errno === 0 && verb !== 'write' && verb !== 'exists' ? answer.text : null;
  context.emit(actor, 'sysfs.accessed', { verb, path, value, errno: answer.errno, result });
}

function deviceAt(path: string): { readonly device: Dom0Sbdf; readonly file: string } | null {
  if (!path.startsWith(`${DEVICES}/`)) return null;
  const [name, file] = path.slice(DEVICES.length + 1).split('/');
  const device = parseSbdf<Dom0Sbdf>(name ?? '');
  return device === null ? null : { device, file: file ?? '' };
}

function lookUp(context: Context, path: string): boolean {
  if (path === PCIBACK) return context.state.pciback.running;
  if (path.startsWith(`${PCIBACK}/`)) {
    const name = path.slice(PCIBACK.length + 1);
    const device = parseSbdf<Dom0Sbdf>(name);
    if (device !== null) return context.state.pciback.devices[device] !== undefined;
    return context.state.pciback.running && pcibackFiles.includes(name);
  }
  const at = deviceAt(path);
  if (at === null || linuxDevice(context, at.device) === undefined) return false;
  switch (at.file) {
    case 'driver':
      return linuxDevice(context, at.device)?.driver !== null;
    case 'reset':
      return resetMethods(context, at.device).length > 0;
    default:
      return true;
  }
}

/** There is no `do_flr` here: it exists in kernels of some distributions only. @source facts/dom0 4.3 */
const pcibackFiles: readonly string[] = [
  'new_slot',
  'remove_slot',
  'slots',
  'irq_handlers',
  'irq_handler_state',
  'quirks',
  'permissive',
  'allow_interrupt_control',
  'bind',
  'unbind',
];

const devicesOf = (context: Context): readonly Dom0Sbdf[] =>
  Object.keys(context.state.pciback.devices).map((key) => Number(key) as Dom0Sbdf);

/**
 * The order in which pciback's own files list its devices: fields with the device seized first, all else with the
 * newest. @source drivers/xen/xen-pciback/pci_stub.c, conf_space_quirks.c of v6.1 (list_add, list_add_tail); recordings
 */
function listed(context: Context, first: 'oldest' | 'newest'): readonly Dom0Sbdf[] {
  if (!hasBehaviour(context.env.behaviour, 'pciback-lists-in-order')) return devicesOf(context);
  const seized = context.state.pciback.seized as Dom0Sbdf[];
  return first === 'oldest' ? seized : seized.toReversed();
}

function listPciback(context: Context): readonly string[] {
  return [...devicesOf(context).map(formatSbdf), ...pcibackFiles].toSorted(
    (a, b) => directoryHash(a) - directoryHash(b),
  );
}

/**
 * The kernel keeps the entries of a sysfs folder by a hash of their names, and lists them in that order; what
 * `pci-assignable-list` prints follows it. @source recordings, docs/models/toolstack.md
 */
function directoryHash(name: string): number {
  let hash = 0n;
  for (const char of name) {
    const code = BigInt(char.charCodeAt(0));
    hash = BigInt.asUintN(64, (hash + (code << 4n) + (code >> 4n)) * 11n);
  }
  const folded = Number(BigInt.asUintN(64, hash * 0x61c8_8646_80b5_83ebn) >> 32n);
  return folded & 0x7fff_ffff;
}

function read(context: Context, path: string): SysfsAnswer {
  if (path.startsWith(`${PCIBACK}/`)) return readPciback(context, path.slice(PCIBACK.length + 1));
  const at = deviceAt(path);
  const device = at === null ? undefined : linuxDevice(context, at.device);
  if (at === null || device === undefined) return refused(errno.ENOENT);
  switch (at.file) {
    case 'irq':
      // Before the first enable it is what firmware left in the register.
      return found(
        String(device.enabled || device.gsi !== 0 ? device.gsi : linuxRead(context, at.device, 0x3c, 1)),
      );
    case 'resource':
      return found(resourceFile(context, at.device));
    case 'reset_method':
      return found(resetMethods(context, at.device).join(' '));
    case 'driver_override':
      return found(device.driverOverride ?? '(null)');
    case 'class':
      return found(`0x${hexPad(linuxRead(context, at.device, 0x08, 4) >>> 8, 6)}`);
    case 'vendor':
    case 'device':
      return found(`0x${hexPad(linuxRead(context, at.device, at.file === 'vendor' ? 0 : 2, 2), 4)}`);
    default:
      return refused(errno.ENOENT);
  }
}

/** As Linux assigned; of a device it was only told of the first seven lines: six BARs and the ROM. @source facts/dom0 9.1 */
function resourceFile(context: Context, device: Dom0Sbdf): string {
  const assigned = resourceLines(context, device);
  if (assigned !== null) return assigned;
  const resources = resourcesOf(context, device);
  const type = linuxRead(context, device, 0x0e, 1) & 0x7f;
  const offsets = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].filter((reg) => type === 0 || reg <= 0x14);
  const lines = Array.from({ length: 6 }, (_, i) => {
    const one = offsets[i] === undefined ? undefined : resources[offsets[i]];
    if (one === undefined || one.isUpperHalf || one.start === 0) return line(0, 0, 0);
    const isPort = (one.lowBits & 1) === 1;
    const wide = (one.lowBits & 6) === 4 ? 0x10_0000 : 0;
    const prefetch = !isPort && (one.lowBits & 8) !== 0 ? 0x2000 : 0;
    return line(
      one.start,
      one.start + one.sizeBytes - 1,
      (isPort ? 0x40100 : 0x40200) + wide + prefetch + one.lowBits,
    );
  });
  const rom = resources[type === 0 ? 0x30 : 0x38];
  lines.push(
    rom === undefined || rom.start === 0
      ? line(0, 0, 0)
      : line(rom.start, rom.start + rom.sizeBytes - 1, 0x46200 + (rom.lowBits & 1)),
  );
  return lines.join('\n');
}

const line = (start: number, end: number, flags: number): string =>
  [start, end, flags].map((value) => `0x${hexPad(value, 16)}`).join(' ');

function readPciback(context: Context, file: string): SysfsAnswer {
  if (!context.state.pciback.running) return refused(errno.ENOENT);
  const { pciback } = context.state;
  switch (file) {
    case 'slots':
      return found(pciback.slots.map(formatSbdf).join('\n'));
    case 'permissive':
      return found(
        listed(context, 'newest')
          .filter((one) => pciback.devices[one]!.permissive)
          .map(formatSbdf)
          .join('\n'),
      );
    case 'allow_interrupt_control':
      return found(
        listed(context, 'newest')
          .filter((one) => pciback.devices[one]!.allowInterruptControl)
          .map(formatSbdf)
          .join('\n'),
      );
    case 'quirks':
      return found(
        listed(context, 'oldest')
          .map((one) => quirksOf(context, one))
          .join('\n'),
      );
    case 'irq_handlers':
      return found(
        listed(context, 'newest')
          .map((one) => {
            const stub = pciback.devices[one]!;
            return `${formatSbdf(one)}:${stub.isrOn ? 'on' : 'off'}:${stub.ackIntr ? 'acking' : 'not acking'}:0`;
          })
          .join('\n'),
      );
    default:
      return refused(errno.ENOENT);
  }
}

/** All fields of a device, not only quirks. @source facts/dom0 4.3 */
function quirksOf(context: Context, device: Dom0Sbdf): string {
  const port = devicePort(context, device);
  if (port === undefined) return '';
  const id = (reg: number): string => hexPad(linuxRead(context, device, reg, 2), 4);
  const short = `${hexPad(busOf(device), 2)}:${hexPad(devOf(device), 2)}.${fnOf(device)}`;
  const fields = fieldsOf(port).map(
    (field) => `\t\t${hexPad(field.offset, 8)}:${field.size.toString(16)}:${hexPad(field.mask, 8)}`,
  );
  return [short, `\t${id(0)}:${id(2)}:${id(0x2c)}:${id(0x2e)}`, ...fields].join('\n');
}

function write(context: Context, path: string, value: string): number {
  if (path.startsWith(`${DRIVERS}/`)) {
    const [driver, file] = path.slice(DRIVERS.length + 1).split('/');
    return writeDriver(context, driver ?? '', file ?? '', value);
  }
  const rescanned = rescanFromSysfs(context, path, value);
  if (rescanned !== null) return rescanned;
  const at = deviceAt(path);
  const device = at === null ? undefined : linuxDevice(context, at.device);
  if (at === null || device === undefined) return -errno.ENOENT;
  const handled = deviceFile(context, at.device, at.file, value);
  if (handled !== null) return handled;
  switch (at.file) {
    case 'reset':
      return value === '1' ? resetFromSysfs(context, at.device) : -errno.EINVAL;
    case 'driver_override':
      context.emit(by(context), 'linux.override-changed', {
        sbdf: at.device,
        driver: value === '' ? null : value,
      });
      return 0;
    default:
      return -errno.EACCES;
  }
}

/** `pci_reset_function`: state kept, decoding off, one method, state back; on a PV Dom0 Xen restores MSI. @source facts/dom0 11.2 */
function resetFromSysfs(context: Context, device: Dom0Sbdf): number {
  if (resetMethods(context, device).length === 0) return -errno.ENOENT;
  const saved = saveState(context, device);
  linuxWrite(context, device, 0x04, 2, 0x400);
  const method = resetFunction(context, device);
  restoreState(context, device, saved);
  return method === null ? -errno.ENOTTY : 0;
}

function writeDriver(context: Context, driver: string, file: string, value: string): number {
  if (driver === 'pciback' && !context.state.pciback.running) return -errno.ENOENT;
  switch (file) {
    case 'bind':
      return bind(context, driver, value);
    case 'unbind': {
      const device = parseSbdf<Dom0Sbdf>(value);
      if (device === null || linuxDevice(context, device)?.driver !== driver) return -errno.ENODEV;
      unbind(context, device);
      return 0;
    }
    default:
      return driver === 'pciback' ? writePciback(context, file, value) : -errno.ENOENT;
  }
}

/** @source facts/dom0 4.3 (bind) */
function bind(context: Context, driver: string, value: string): number {
  const device = parseSbdf<Dom0Sbdf>(value);
  const known = device === null ? undefined : linuxDevice(context, device);
  if (device === null || known === undefined) return -errno.ENODEV;
  if (known.driver !== null) return -errno.EBUSY;
  if (known.driverOverride !== null && known.driverOverride !== driver) return -errno.ENODEV;
  if (driver === 'pciback') return seizeDevice(context, device);
  context.emit(by(context), 'linux.driver-changed', { sbdf: device, driver });
  return 0;
}

function unbind(context: Context, device: Dom0Sbdf): void {
  if (linuxDevice(context, device)?.driver === 'pciback') {
    releaseDevice(context, device);
    return;
  }
  disableDevice(context, device);
  context.emit(by(context), 'linux.driver-changed', { sbdf: device, driver: null });
}

function writePciback(context: Context, file: string, value: string): number {
  const device = parseSbdf<Dom0Sbdf>(value);
  switch (file) {
    case 'new_slot': {
      const wanted = expand(value);
      if (wanted.length === 0) return -errno.EINVAL;
      for (const one of wanted) {
        if (context.state.pciback.slots.includes(one)) continue;
        context.emit(by(context), 'pciback.slot-changed', { sbdf: one, listed: true });
      }
      return 0;
    }
    case 'remove_slot': {
      const listed = expand(value).filter((one) => context.state.pciback.slots.includes(one));
      for (const one of listed)
        context.emit(by(context), 'pciback.slot-changed', { sbdf: one, listed: false });
      return expand(value).length === 0 ? -errno.EINVAL : listed.length === 0 ? -errno.ENOENT : 0;
    }
    case 'permissive':
      if (device === null) return -errno.EINVAL;
      if (context.state.pciback.devices[device] === undefined) return -errno.ENODEV;
      if (!context.state.pciback.devices[device].permissive) {
        linuxLog(
          context,
          `pciback ${formatSbdf(device)}: xen_pciback: enabling permissive mode configuration space accesses!`,
        );
        linuxLog(
          context,
          `pciback ${formatSbdf(device)}: xen_pciback: permissive mode is potentially unsafe!`,
        );
      }
      patchDevice(context, device, { permissive: true });
      return 0;
    case 'allow_interrupt_control':
      if (device === null) return -errno.EINVAL;
      if (context.state.pciback.devices[device] === undefined) return -errno.ENODEV;
      patchDevice(context, device, { allowInterruptControl: true });
      return 0;
    case 'irq_handler_state': {
      if (device === null) return -errno.EINVAL;
      const stub = context.state.pciback.devices[device];
      if (stub === undefined) return -errno.ENOENT;
      patchDevice(context, device, { isrOn: !stub.isrOn, ackIntr: stub.isrOn ? stub.ackIntr : true });
      return 0;
    }
    case 'quirks':
      return addQuirk(context, value);
    default:
      return -errno.EACCES;
  }
}

/** `dddd:bb:dd.f`, with `*` for the function, or for device and function. @source facts/dom0 4.2, 4.3 */
export function expand(text: string): readonly Dom0Sbdf[] {
  const match = /^(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,2}):(\*|[0-9a-f]{1,2})\.(\*|[0-7])$/i.exec(text.trim());
  if (match === null) return [];
  const [, segment, bus, dev, fn] = match as unknown as [string, string | undefined, string, string, string];
  if (dev === '*' && fn !== '*') return [];
  const devices = dev === '*' ? Array.from({ length: 32 }, (_, i) => i) : [Number.parseInt(dev, 16)];
  const functions = fn === '*' ? Array.from({ length: 8 }, (_, i) => i) : [Number(fn)];
  const base = Number.parseInt(segment ?? '0', 16) * 0x1_0000 + Number.parseInt(bus, 16) * 256;
  if (devices.some((one) => one > 31)) return [];
  return devices.flatMap((one) => functions.map((f) => (base + one * 8 + f) as Dom0Sbdf));
}

/** `dddd:bb:dd.f-reg:size:mask`. @source facts/dom0 4.3 */
function addQuirk(context: Context, value: string): number {
  const match = /^(.+)-([0-9a-f]+):([124]):([0-9a-f]+)$/i.exec(value);
  const device = match === null ? null : parseSbdf<Dom0Sbdf>(match[1]!);
  if (match === null || device === null) return -errno.EINVAL;
  const offset = Number.parseInt(match[2]!, 16);
  const size = Number(match[3]) as 1 | 2 | 4;
  const mask = Number.parseInt(match[4]!, 16);
  if (offset > 0xfff || mask >= 2 ** (8 * size)) return -errno.EINVAL;
  const stub = context.state.pciback.devices[device];
  if (stub === undefined) return -errno.ENODEV;
  const quirks = [...stub.quirks.map((one) => ({ ...one })), { offset, size, mask }];
  patchDevice(context, device, { quirks });
  return 0;
}
