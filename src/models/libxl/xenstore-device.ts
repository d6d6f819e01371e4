import { type Dom0Sbdf, formatSbdf, parseSbdf } from '../../pci/sbdf.js';
import { xenbusStates as states } from '../linux/pciif/page.js';
import { domainPath, frontendPath } from '../xenstore/xenbus.js';
import type { PciSpec } from './spec.js';
import type { StepIo } from './step.js';

/** What goes into `opts-N`. @source facts/dom0 4.6 */
function optionsText(spec: PciSpec): string {
  const digit = (on: boolean): string => (on ? '1' : '0');
  return `msitranslate=${digit(spec.msitranslate)},power_mgmt=${digit(spec.powerMgmt)},permissive=${digit(spec.permissive)},rdm_policy=${spec.rdmPolicy ?? 'strict'}`;
}

/**
 * A device's keys, and with the first one the directories of both ends, in one transaction. Any later device of a
 * running guest sets the backend to Reconfiguring, also where nobody will answer. @source facts/dom0 8.6, recordings
 */
export function addToStore(
  io: StepIo,
  device: Dom0Sbdf,
  spec: PciSpec,
  vdevfn: number,
  starting: boolean,
  domid = io.domid,
): void {
  const back = io.backendFor(domid);
  const front = frontendPath(domid);
  const { store } = io;
  const held = store.read(`${back}/num_devs`);
  const index = held === null ? 0 : Number(held);
  store.transaction(() => {
    if (held === null) {
      const name = store.read(`${domainPath(domid)}/name`) ?? '';
      store.remove(back);
      store.make(back, `n${io.backendDomain} r${domid}`);
      store.write(`${back}/frontend`, front);
      store.write(`${back}/frontend-id`, String(domid));
      store.write(`${back}/online`, '1');
      store.write(`${back}/state`, String(states.Initialising));
      store.write(`${back}/domain`, name);
      store.remove(front);
      store.make(front, `n${domid} r${io.backendDomain}`);
      store.write(`${front}/backend`, back);
      store.write(`${front}/backend-id`, String(io.backendDomain));
      store.write(`${front}/state`, String(states.Initialising));
    }
    store.write(`${back}/key-${index}`, formatSbdf(device));
    store.write(`${back}/dev-${index}`, formatSbdf(device));
    if (vdevfn !== 0) store.write(`${back}/vdevfn-${index}`, vdevfn.toString(16));
    if (spec.name !== null) store.write(`${back}/name-${index}`, spec.name);
    store.write(`${back}/opts-${index}`, optionsText(spec));
    store.write(`${back}/state-${index}`, String(states.Initialising));
    store.write(`${back}/num_devs`, String(index + 1));
    if (index > 0 && !starting) store.write(`${back}/state`, String(states.Reconfiguring));
  });
}

/** A device of a guest as its backend's keys tell. */
export interface Attached {
  readonly device: Dom0Sbdf;
  readonly vdevfn: number;
  readonly index: number;
}

/** The devices libxl believes a guest to have: XenStore is its database. */
export function attachedDevices(io: StepIo, domid = io.domid): readonly Attached[] {
  const back = io.backendFor(domid);
  const count = Number(io.store.read(`${back}/num_devs`) ?? '0');
  const list: Attached[] = [];
  for (let index = 0; index < count; index++) {
    const device = parseSbdf<Dom0Sbdf>(io.store.read(`${back}/dev-${index}`) ?? '');
    const vdevfn = Number.parseInt(io.store.read(`${back}/vdevfn-${index}`) ?? '0', 16);
    if (device !== null) list.push({ device, vdevfn, index });
  }
  return list;
}

/** First half of a removal: the device's state and the backend's. @returns the device's index, null when unknown */
export function closeInStore(io: StepIo, device: Dom0Sbdf, domid = io.domid): number | null {
  const back = io.backendFor(domid);
  const count = Number(io.store.read(`${back}/num_devs`) ?? '0');
  for (let index = 0; index < count; index++) {
    if (parseSbdf(io.store.read(`${back}/dev-${index}`) ?? '') !== device) continue;
    io.store.transaction(() => {
      io.store.write(`${back}/state-${index}`, String(states.Closing));
      io.store.write(`${back}/state`, String(states.Reconfiguring));
    });
    return index;
  }
  return null;
}

const perDevice = ['state', 'key', 'dev', 'vdev', 'opts', 'vdevfn', 'name'] as const;
/** Order in which later devices move down, as recorded. */
const moved = ['state', 'dev', 'key', 'vdev', 'opts', 'vdevfn', 'name'] as const;

/** Second half: the keys go, later devices move down by one, and with the last device both directories. */
export function removeFromStore(io: StepIo, index: number, domid = io.domid): void {
  const back = io.backendFor(domid);
  const { store } = io;
  const count = Number(store.read(`${back}/num_devs`) ?? '0');
  store.transaction(() => {
    for (const key of perDevice) store.remove(`${back}/${key}-${index}`);
    store.write(`${back}/num_devs`, String(count - 1));
    for (let later = index + 1; later < count; later++) {
      for (const key of moved) {
        const value = store.read(`${back}/${key}-${later}`);
        if (value === null) continue;
        store.write(`${back}/${key}-${later - 1}`, value);
        store.remove(`${back}/${key}-${later}`);
      }
    }
  });
  if (count === 1) destroyDirectories(io, domid);
}

/** Both ends' directories and every parent that is left without content. */
function destroyDirectories(io: StepIo, domid: number): void {
  io.store.transaction(() => {
    cleanPath(io, frontendPath(domid));
    cleanPath(io, `/libxl/${domid}/device/pci/0`);
    cleanPath(io, io.backendFor(domid));
  });
}

function cleanPath(io: StepIo, path: string): void {
  if (!io.store.removeKnown(path)) return;
  let parent = path.slice(0, path.lastIndexOf('/'));
  while (parent !== '') {
    if (io.store.read(parent) !== '' || io.store.list(parent).length > 0) return;
    io.store.remove(parent);
    parent = parent.slice(0, parent.lastIndexOf('/'));
  }
}
