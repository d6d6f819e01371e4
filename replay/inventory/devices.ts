import { describeFunction, readConfig } from '../../src/models/hardware/config-space.js';
import type { FunctionId } from '../../src/pci/function-id.js';
import { reg } from '../../src/pci/header.js';
import type { Dom0Sbdf, GuestSbdf, XenSbdf } from '../../src/pci/sbdf.js';
import { dom0Name, xenName } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';
import type { Seen } from './seen.js';

/** One function of the machine: what everybody calls it and who has it. */
export interface DeviceRow {
  /** Null: somebody has a name for it, and the trace does not say what stands behind the name. */
  readonly function: FunctionId | null;
  /** Name for people from the platform; empty where that does not have it. */
  readonly name: string;
  readonly present: boolean;
  /** Xen's name; null while the bridge has no number there. */
  readonly xenName: XenSbdf | null;
  /** Whether Xen has an object under that name. */
  readonly knownToXen: boolean;
  /** The name of the Linux that drives the host bridges; null while it has not registered the bridge. */
  readonly dom0Name: Dom0Sbdf | null;
  readonly guestNames: readonly { readonly domid: number; readonly name: GuestSbdf }[];
  /** Null where the platform does not have the function. */
  readonly identity: Identity | null;
  /** Domain that has it for Xen; null: Xen does not know it or nobody has it. */
  readonly owner: number | null;
  readonly driver: string | null;
  readonly accesses: number;
  readonly events: number;
  /** Findings about it, by rule, in the order of the first of each. */
  readonly findings: readonly { readonly rule: string; readonly count: number }[];
}

export interface Identity {
  readonly vendorId: number;
  readonly deviceId: number;
  /** Base class and subclass. */
  readonly classCode: number;
}

/** The functions of the platform, in its order; then names that Xen or Dom0 have for what is not in it. */
export function devicesOf(env: Env, seen: Seen): DeviceRow[] {
  const { state } = seen;
  const guests = guestNames(state);
  const row = (
    fn: FunctionId | null,
    name: string,
    xen: XenSbdf | null,
    dom0: Dom0Sbdf | null,
  ): DeviceRow => {
    const device = xen === null ? undefined : state.xen.devices[xen];
    const linux = dom0 === null ? undefined : state.linux.devices[dom0];
    const there = describeFunction(env.platform, fn ?? NOWHERE) !== undefined;
    return {
      function: fn,
      name,
      present: fn === null || !there || state.hw.present[fn] !== undefined,
      xenName: xen,
      knownToXen: device !== undefined,
      dom0Name: dom0,
      guestNames: dom0 === null ? [] : (guests.get(dom0) ?? []),
      identity: fn === null || !there ? null : identityOf(state, env, fn),
      owner: device?.owner ?? null,
      driver: linux?.driver ?? null,
      accesses: fn === null ? 0 : (seen.accesses.get(fn) ?? 0),
      events: fn === null ? 0 : (seen.events.get(fn) ?? 0),
      findings: [...seen.about.of(fn, xen)].map(([rule, count]) => ({ rule, count })),
    };
  };
  const known = env.platform.functions.map(({ function: fn, name }) =>
    row(fn, name, xenName(state, env, fn), dom0Name(state, env, fn)),
  );
  const toXen = new Set(known.map((one) => one.xenName));
  const toDom0 = new Set(known.map((one) => one.dom0Name));
  const onlyXen = Object.entries(state.xen.devices)
    .map(([name, device]) => ({ name: Number(name) as XenSbdf, fn: device.function }))
    .filter(({ name }) => !toXen.has(name))
    .map(({ name, fn }) => row(fn, '', name, fn === null ? null : dom0Name(state, env, fn)));
  for (const one of onlyXen) toDom0.add(one.dom0Name);
  const onlyDom0 = Object.entries(state.linux.devices)
    .map(([name, device]) => ({ name: Number(name) as Dom0Sbdf, fn: device.function as FunctionId }))
    .filter(({ name }) => !toDom0.has(name))
    .map(({ name, fn }) => row(fn, '', xenName(state, env, fn), name));
  return [...known, ...onlyXen, ...onlyDom0];
}

/** The id of no function. */
const NOWHERE = -1 as FunctionId;

function identityOf(state: ReadonlyWorld, env: Env, fn: FunctionId): Identity {
  const read = (at: number): number => readConfig({ state, env }, fn, at, 2);
  return {
    vendorId: read(reg.vendorId),
    deviceId: read(reg.deviceId),
    classCode: read(reg.classDevice),
  };
}

/** Places on guests' buses by the name the backend has for the device. */
function guestNames(state: ReadonlyWorld): Map<number, { domid: number; name: GuestSbdf }[]> {
  const names = new Map<number, { domid: number; name: GuestSbdf }[]>();
  for (const [domid, { devices }] of Object.entries(state.pciback.backends)) {
    for (const [guest, dom0] of Object.entries(devices)) {
      names.set(dom0, [
        ...(names.get(dom0) ?? []),
        { domid: Number(domid), name: Number(guest) as GuestSbdf },
      ]);
    }
  }
  return names;
}
