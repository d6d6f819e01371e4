import { errno } from '../../../base/errno.js';
import { hex } from '../../../base/hex.js';
import { addRule, type Builder } from './builder.js';
import { initMsi, initMsix, initRebar, lockFailed } from './capability-setup.js';
import {
  CAP_POINTER,
  EXTENDED_FIRST,
  extendedNext,
  findCapability,
  findExtended,
  newBudget,
  nextCapability,
  STATUS,
  STATUS_CAP_LIST,
} from './capability-walk.js';
import { findRegister, removeRegisters } from './handlers.js';

export const capabilityIds = { msi: 0x05, msix: 0x11, rebar: 0x15 } as const;

/** Capabilities an unprivileged domain may see. @source facts/xen 5.6 */
const guestCapabilities = [capabilityIds.msi, capabilityIds.msix];

const STATUS_RO = 0x06b9;
const STATUS_RW1C = 0xf900;
const STATUS_RSVDZ = 0x0046;

interface Capability {
  readonly id: number;
  readonly isExtended: boolean;
  readonly init: (build: Builder, position: number) => number;
}

/** In the order Xen links them. @source facts/xen 5.4 */
const handled: readonly Capability[] = [
  { id: capabilityIds.rebar, isExtended: true, init: initRebar },
  { id: capabilityIds.msi, isExtended: false, init: initMsi },
  { id: capabilityIds.msix, isExtended: false, init: initMsix },
];

/**
 * `vpci_init_capabilities`: the two lists, then each capability vPCI handles. One that cannot be set up is hidden;
 * only failing to hide it fails the device. @source facts/xen 5.4, 5.6
 */
export function initCapabilities(build: Builder, extendedOnly: boolean): number {
  const { ports } = build;
  if (!extendedOnly) {
    const ret = initLegacyList(build);
    if (ret !== 0) return ret;
  }
  const ret = initExtendedList(build);
  if (ret !== 0) return ret;
  let first = 0;
  for (const capability of handled) {
    const position = positionOf(build, capability, extendedOnly);
    if (position === 0) continue;
    const failure = capability.init(build, position);
    if (failure === 0) continue;
    const kind = capability.isExtended ? 'extended' : 'legacy';
    ports.warn(`init ${kind} cap ${capability.id} fail rc=${failure}, mask it`);
    if (!ports.features.hidesFailedCapabilities) return failure;
    lockFailed(build, capability.id, position);
    const hidden = capability.isExtended ? hideExtended(build, position) : hideLegacy(build, position);
    if (hidden === 0) continue;
    ports.warn(`hide ${kind} cap ${capability.id} fail rc=${hidden}`);
    if (!extendedOnly) return hidden;
    if (first === 0) first = hidden;
  }
  return first;
}

function positionOf({ ports }: Builder, { id, isExtended }: Capability, extendedOnly: boolean): number {
  // Messages are emulated on x86 only: an ARM build has no such handlers (facts/xen 5.7, last paragraph).
  if (!isExtended) return extendedOnly || ports.arch === 'arm64' ? 0 : findCapability(ports, id);
  return ports.isHardwareDomain && ports.features.resizableBars ? findExtended(ports, id) : 0;
}

function initLegacyList(build: Builder): number {
  return build.ports.isHardwareDomain ? initList(build, null).ret : initGuestCapabilities(build);
}

/** List and STATUS of an unprivileged domain. */
export function initGuestCapabilities(build: Builder): number {
  const { ret, isEmpty } = initList(build, guestCapabilities);
  return ret !== 0 ? ret : initStatus(build, isEmpty);
}

/** STATUS through masks; the capability-list bit reads 0 when nothing is left to list. @source facts/xen 5.5 */
export function initStatus(build: Builder, hidesList: boolean): number {
  return addRule(build, {
    offset: STATUS,
    size: 2,
    read: 'hw',
    write: 'hw',
    ro: hidesList ? STATUS_RO & ~STATUS_CAP_LIST : STATUS_RO,
    rw1c: STATUS_RW1C,
    rsvdp: hidesList ? STATUS_CAP_LIST : 0,
    rsvdz: STATUS_RSVDZ,
  });
}

/** One-byte rules for the pointer and every `next`; for guests also for the ids of what stays linked. */
function initList(build: Builder, ids: readonly number[] | null): { ret: number; isEmpty: boolean } {
  const { ports } = build;
  if ((ports.hwRead(STATUS, 2) & STATUS_CAP_LIST) === 0) return { ret: 0, isEmpty: false };
  const write = ids === null ? 'hw' : 'ignored';
  const budget = newBudget();
  let next = nextCapability(ports, CAP_POINTER, ids, budget);
  const pointer = addRule(build, { offset: CAP_POINTER, size: 1, read: 'value', write, arg: next });
  if (pointer !== 0) return { ret: pointer, isEmpty: false };
  next &= ~3;
  const isEmpty = next === 0;
  while (next !== 0 && budget.steps > 0) {
    const at = next;
    next = nextCapability(ports, at + 1, ids, budget);
    if (ids !== null) {
      const id = addRule(build, { offset: at, size: 1, read: 'hw', write: 'ignored' });
      if (id !== 0) return { ret: id, isEmpty };
    }
    const link = addRule(build, { offset: at + 1, size: 1, read: 'value', write, arg: next });
    if (link !== 0) return { ret: link, isEmpty };
    next &= ~3;
  }
  return { ret: 0, isEmpty };
}

/** @source facts/xen 5.6 */
function initExtendedList(build: Builder): number {
  const { ports } = build;
  const constant = (offset: number, arg: number): number =>
    addRule(build, { offset, size: 4, read: 'value', write: 'ignored', arg });
  const { checksExtendedConfig } = ports.features;
  if (checksExtendedConfig && !ports.hasExtendedConfig) return 0;
  if (!ports.isHardwareDomain) return constant(EXTENDED_FIRST, 0);
  let at = EXTENDED_FIRST;
  do {
    const header = ports.hwRead(at, 4);
    if (header === 0xffff_ffff && checksExtendedConfig) {
      ports.warn(`broken extended cap list, offset ${hex(at)}`);
      return 0;
    }
    const ret = constant(at, header);
    if (ret === -errno.EEXIST) {
      ports.warn(`overlap in extended cap list, offset ${hex(at)}`);
      return 0;
    }
    if (ret !== 0) return ret;
    at = extendedNext(header);
  } while (at >= EXTENDED_FIRST);
  return 0;
}

/** Unlinks a capability from the list the guest sees. @source facts/xen 5.6 */
function hideLegacy({ device, ports }: Builder, position: number): number {
  const { registers } = device;
  let previous = findRegister(registers, CAP_POINTER, 1);
  const seen = new Set<number>();
  while (previous !== undefined && (previous.arg & ~3) !== position) {
    const next = previous.arg & ~3;
    previous = next < 0x40 || seen.has(next) ? undefined : findRegister(registers, next + 1, 1);
    seen.add(next);
  }
  const own = findRegister(registers, position + 1, 1);
  if (previous === undefined || own === undefined) return -errno.ENODEV;
  previous.arg = own.arg;
  removeRegisters(registers, position + 1, 1);
  return ports.isHardwareDomain ? 0 : removeRegisters(registers, position, 1);
}

/** As above; the first header cannot be unlinked and loses its id instead. @source facts/xen 5.6 */
function hideExtended({ device }: Builder, position: number): number {
  const { registers } = device;
  const own = findRegister(registers, position, 4);
  if (own === undefined) return -errno.ENODEV;
  if (position === EXTENDED_FIRST) {
    own.arg = extendedNext(own.arg) <= EXTENDED_FIRST ? 0 : (own.arg & ~0xffff) >>> 0;
    return 0;
  }
  let at = EXTENDED_FIRST;
  const seen = new Set<number>();
  for (;;) {
    const previous = seen.has(at) ? undefined : findRegister(registers, at, 4);
    if (previous === undefined) return -errno.ENODEV;
    seen.add(at);
    at = extendedNext(previous.arg);
    if (at !== position) {
      if (at <= EXTENDED_FIRST) return -errno.ENODEV;
      continue;
    }
    previous.arg = ((previous.arg & 0x000f_ffff) | (own.arg & 0xffc0_0000)) >>> 0;
    removeRegisters(registers, position, 4);
    return 0;
  }
}
