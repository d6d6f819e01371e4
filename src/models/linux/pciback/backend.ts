import type { DomainId } from '../../../base/brand.js';
import { hexPad } from '../../../base/hex.js';
import {
  busOf,
  type Dom0Sbdf,
  devOf,
  fnOf,
  formatSbdf,
  type GuestSbdf,
  parseSbdf,
  segmentOf,
} from '../../../pci/sbdf.js';
import { kernelConnection, tokens } from '../../../state/pciback.js';
import type { Context, Decider } from '../../context.js';
import { linuxDomain } from '../../xen/driver-domain.js';
import { XenstoreClient } from '../../xenstore/client.js';
import {
  backendPath,
  domainPath,
  frontendPath,
  readState,
  switchState,
  writeError,
} from '../../xenstore/xenbus.js';
import { by, linuxLog, setOwner } from '../devices.js';
import { PCI_MAGIC, xenbusStates as states } from '../pciif/page.js';
import { parentBridge } from '../reset.js';
import { putDevice } from './stub.js';
import { chooseAddress, publishedRoot } from './virtual-slots.js';

/** A backend knows its nodes by names below its own home. */
const ownPath = (context: Context, domid: number): string => backendPath(domid, linuxDomain(context));

const client = (context: Context): XenstoreClient =>
  new XenstoreClient(context, by(context), kernelConnection(linuxDomain(context)));

/** The module watches the bus for backends once it runs. */
export function startBackends(context: Context): void {
  client(context).watch('backend', tokens.bus);
}

/**
 * One pass of pciback's worker over the oldest waiting watch event. The reducer has taken the event off the list
 * already, so it comes from the input's place in the list before: every pass looks at everything that concerns a guest.
 */
export const decidePcibackWake: Decider<'pciback.woke'> = (context) => {
  const wake = context.state.pciback.current;
  if (wake === null || !context.state.pciback.running) return;
  const { domid, source } = wake;
  const store = client(context);
  if (source === 'bus') {
    const there = store.list(ownPath(context, domid)).length > 0;
    const known = context.state.pciback.backends[domid] !== undefined;
    if (there && !known && context.state.pciback.pvSupport) probe(context, store, domid);
    else if (!there && known) unregister(context, store, domid);
    return;
  }
  if (context.state.pciback.backends[domid] === undefined) return;
  if (source === 'be') backendChanged(context, store, domid);
  else frontendChanged(context, store, domid);
};

/** A new backend directory: BE 2, watch it, look at once, then watch the other end. @source facts/dom0 4.7 step 2 */
function probe(context: Context, store: XenstoreClient, domid: number): void {
  if (readState(store, ownPath(context, domid)) !== states.Initialising) return;
  setState(context, store, domid, states.InitWait);
  store.watch(`backend/pci/${domid}/0`, `${tokens.be}${domid}`);
  backendChanged(context, store, domid);
  if (context.state.pciback.backends[domid] !== undefined) {
    store.watch(`${frontendPath(domid)}/state`, `${tokens.fe}${domid}`);
  }
}

/** Writes the state where it differs from the one set last. */
function setState(
  context: Context,
  store: XenstoreClient,
  domid: number,
  state: number,
  connected?: boolean,
): void {
  const own = context.state.pciback.backends[domid];
  if (own?.state !== state) switchState(store, ownPath(context, domid), state);
  if (own?.state === state && (connected === undefined || connected === own.connected)) return;
  context.emit(by(context), 'pciback.backend-changed', {
    domid: domid as DomainId,
    state,
    connected: connected ?? own?.connected ?? false,
  });
}

function fatal(
  context: Context,
  store: XenstoreClient,
  domid: number,
  errnoValue: number,
  text: string,
): void {
  linuxLog(context, `pciback pci-${domid}-0: ${errnoValue} ${text}`);
  writeError(store, domainPath(linuxDomain(context)), `backend/pci/${domid}/0`, `${errnoValue} ${text}`);
  setState(context, store, domid, states.Closing);
}

/** The backend's own directory changed. @source facts/dom0 4.7 steps 3, 3b */
function backendChanged(context: Context, store: XenstoreClient, domid: number): void {
  const state = readState(store, ownPath(context, domid));
  if (state === states.InitWait) setUp(context, store, domid);
  else if (state === states.Initialised) reconfigure(context, store, domid, states.Initialised);
}

function setUp(context: Context, store: XenstoreClient, domid: number): void {
  const node = ownPath(context, domid);
  const count = store.read(`${node}/num_devs`);
  if (count === null) return fatal(context, store, domid, -22, 'Error reading number of devices');
  for (let i = 0; i < Number(count); i++) {
    if (!exportDevice(context, store, domid, i)) return;
    store.write(`${node}/state-${i}`, String(states.Initialised));
  }
  publishRoots(context, store, domid);
  setState(context, store, domid, states.Initialised);
  attach(context, store, domid);
}

/** @returns whether the device could be given to the guest; if not, the backend is closing. */
function exportDevice(context: Context, store: XenstoreClient, domid: number, index: number): boolean {
  const node = ownPath(context, domid);
  const text = store.read(`${node}/dev-${index}`);
  const device = text === null ? null : parseSbdf<Dom0Sbdf>(text);
  if (device === null) {
    fatal(context, store, domid, -22, 'Error reading device configuration');
    return false;
  }
  const stub = context.state.pciback.devices[device];
  if (stub === undefined || stub.exportedTo !== null) {
    const name = formatSbdf(device);
    fatal(context, store, domid, -22, `Couldn't locate PCI device (${name})! perhaps already in-use?`);
    return false;
  }
  const address = chooseAddress(context, domid, device);
  if (address === null) {
    fatal(context, store, domid, -12, 'No more space on root virtual PCI bus');
    return false;
  }
  if (!context.state.pciback.passthrough) {
    const joins = Object.keys(context.state.pciback.backends[domid]?.devices ?? {}).some(
      (other) => devOf(Number(other)) === devOf(address),
    );
    linuxLog(
      context,
      `pciback ${formatSbdf(device)}: xen_pciback: vpci: assign to virtual slot ${devOf(address)}${joins ? ` func ${fnOf(address)}` : ''}`,
    );
  }
  context.emit(by(context), 'pciback.exported', { domid: domid as DomainId, sbdf: device, virtual: address });
  store.write(`${node}/vdev-${index}`, virtualName(address));
  linuxLog(context, `pciback ${formatSbdf(device)}: registering for ${domid}`);
  setOwner(context, device, domid as DomainId);
  return true;
}

/** `dddd:bb:dd.ff`, with two digits of function. @source facts/dom0 4.6 */
function virtualName(address: GuestSbdf): string {
  return `${hexPad(segmentOf(address), 4)}:${hexPad(busOf(address), 2)}:${hexPad(devOf(address), 2)}.${hexPad(fnOf(address), 2)}`;
}

function publishRoots(context: Context, store: XenstoreClient, domid: number): void {
  const node = ownPath(context, domid);
  const addresses = context.state.pciback.backends[domid]?.order ?? [];
  const wanted = context.state.pciback.passthrough
    ? addresses.filter((address) => !hasExportedBridge(context, addresses, address))
    : addresses.slice(0, 1);
  for (const address of wanted) {
    const root = publishedRoot(context, address as GuestSbdf);
    const count = Number(store.read(`${node}/root_num`) ?? '0');
    let known = false;
    for (let i = 0; i < count && !known; i++) known = store.read(`${node}/root-${i}`) === root;
    if (known) continue;
    store.write(`${node}/root-${count}`, root);
    store.write(`${node}/root_num`, String(count + 1));
  }
}

/** Whether a bridge above a device went to the same guest, whose scan then finds the device. @source facts/dom0 4.5 */
function hasExportedBridge(context: Context, addresses: readonly number[], address: number): boolean {
  const seen = new Set<number>();
  let above = parentBridge(context, address as Dom0Sbdf);
  while (above !== null && !seen.has(above)) {
    if (addresses.includes(above)) return true;
    seen.add(above);
    above = parentBridge(context, above);
  }
  return false;
}

/** Page and event channel, once both sides are at 3. @source facts/dom0 4.7 step 5 */
function attach(context: Context, store: XenstoreClient, domid: number): void {
  if (readState(store, ownPath(context, domid)) !== states.Initialised) return;
  const front = frontendPath(domid);
  if (readState(store, front) !== states.Initialised) return;
  const ref = store.read(`${front}/pci-op-ref`);
  const channel = store.read(`${front}/event-channel`);
  const magic = store.read(`${front}/magic`);
  if (ref === null || channel === null) {
    return fatal(context, store, domid, -2, 'Error reading configuration from frontend');
  }
  if (magic !== PCI_MAGIC) {
    return fatal(
      context,
      store,
      domid,
      -14,
      `version mismatch (${magic ?? ''}/${PCI_MAGIC}) with pcifront - halting xen_pcibk`,
    );
  }
  setState(context, store, domid, states.Connected, true);
}

/** Devices whose state asks for it come or go; an error leaves the guest waiting. @source facts/dom0 4.7 */
function reconfigure(context: Context, store: XenstoreClient, domid: number, state: number): void {
  const node = ownPath(context, domid);
  if (readState(store, node) !== state) return;
  const count = store.read(`${node}/num_devs`);
  if (count === null) return fatal(context, store, domid, -22, 'Error reading number of devices');
  for (let i = 0; i < Number(count); i++) {
    const sub = Number(store.read(`${node}/state-${i}`) ?? '0');
    if (sub === states.Initialising) {
      if (!exportDevice(context, store, domid, i)) return;
      publishRoots(context, store, domid);
      store.write(`${node}/state-${i}`, String(states.Initialised));
    } else if (sub === states.Closing) {
      const vdev = store.read(`${node}/vdev-${i}`);
      const address = vdev === null ? null : parseVirtual(vdev);
      const device = address === null ? undefined : context.state.pciback.backends[domid]?.devices[address];
      if (device === undefined) {
        return fatal(
          context,
          store,
          domid,
          -22,
          `Couldn't locate PCI device (${vdev ?? '?'})! not owned by this domain`,
        );
      }
      removeDevice(context, domid, device as Dom0Sbdf);
    }
  }
  if (state === states.Reconfiguring) setState(context, store, domid, states.Reconfigured);
}

function parseVirtual(text: string): GuestSbdf | null {
  return parseSbdf<GuestSbdf>(text.replace(/\.0([0-7])$/, '.$1'));
}

function removeDevice(context: Context, domid: number, device: Dom0Sbdf): void {
  linuxLog(context, `pciback ${formatSbdf(device)}: unregistering for ${domid}`);
  putDevice(context, device);
  context.emit(by(context), 'pciback.unexported', { domid: domid as DomainId, sbdf: device });
}

/** @source facts/dom0 4.7 (pciback FE events) */
function frontendChanged(context: Context, store: XenstoreClient, domid: number): void {
  switch (readState(store, frontendPath(domid))) {
    case states.Initialised:
      attach(context, store, domid);
      return;
    case states.Reconfiguring:
      reconfigure(context, store, domid, states.Reconfiguring);
      return;
    case states.Connected:
      setState(context, store, domid, states.Connected);
      return;
    case states.Closing:
      setState(context, store, domid, states.Closing, false);
      return;
    case states.Closed:
      setState(context, store, domid, states.Closed, false);
      if (store.read(`${ownPath(context, domid)}/online`) !== '1') unregister(context, store, domid);
      return;
    case states.Unknown:
      unregister(context, store, domid);
      return;
    default:
      return;
  }
}

/** Every device back to the stub, the instance gone. @source facts/dom0 4.7, 11.4 */
function unregister(context: Context, store: XenstoreClient, domid: number): void {
  const own = context.state.pciback.backends[domid];
  if (own === undefined) return;
  store.unwatch(`${frontendPath(domid)}/state`, `${tokens.fe}${domid}`);
  store.unwatch(`backend/pci/${domid}/0`, `${tokens.be}${domid}`);
  for (const device of Object.values(own.devices)) removeDevice(context, domid, device as Dom0Sbdf);
  if (own.state !== states.Closed) switchState(store, ownPath(context, domid), states.Closed);
  context.emit(by(context), 'pciback.backend-changed', {
    domid: domid as DomainId,
    state: 0,
    connected: false,
  });
}
