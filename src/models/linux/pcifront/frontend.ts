import type { DomainId } from '../../../base/brand.js';
import { type Dom0Sbdf, formatSbdf, type GuestSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import { kernelConnection } from '../../../state/pciback.js';
import { FRONTEND_TOKEN } from '../../../state/pcifront.js';
import type { Context, Decider } from '../../context.js';
import { XenstoreClient } from '../../xenstore/client.js';
import { backendOf, readState, switchState } from '../../xenstore/xenbus.js';
import { linuxDevice } from '../devices.js';
import { xenbusStates as states } from '../pciif/page.js';

/**
 * Grant reference and event channel port of the first connection of a guest, as a guest kernel of the recorded kind
 * has them; nothing depends on their values. @source docs/models/toolstack.md
 */
const FIRST_GRANT = 8;
const FIRST_CHANNEL = 8;

const client = (context: Context, domid: number): XenstoreClient =>
  new XenstoreClient(context, `d${domid}`, kernelConnection(domid));

/** The backend's node, which the frontend's own key `backend` names. */
const otherEnd = (context: Context, domid: number): string => backendOf(context.state.xenstore.nodes, domid);

function log(context: Context, domid: number, text: string): void {
  context.emit(`d${domid}`, 'linux.logged', { domid: domid as DomainId, text: `pcifront pci-0: ${text}` });
}

function become(
  context: Context,
  store: XenstoreClient,
  domid: number,
  state: number,
  seen?: { readonly roots: string; readonly devices: string },
): void {
  const own = context.state.pcifront[domid];
  if (own !== undefined && own.state !== state) switchState(store, 'device/pci/0', state);
  context.emit(`d${domid}`, 'pcifront.changed', {
    domid: domid as DomainId,
    state,
    roots: seen?.roots ?? own?.roots.join(' ') ?? '',
    devices: seen?.devices ?? own?.devices.join(' ') ?? '',
  });
}

/** Page, grant, event channel, keys, FE 3, watch the backend. @source facts/dom0 4.7 step 4, 6 */
export const decideFrontendProbe: Decider<'pcifront.probed'> = (context, { data }) => {
  const { domid } = data;
  const store = client(context, domid);
  if (store.read('device/pci/0/state') === null) return;
  // Only PV guests have the driver.
  if (context.state.domains[domid]?.type !== 'pv') return;
  if (store.read('device/pci/0/backend') === null) return;
  store.transaction(() => {
    store.write('device/pci/0/pci-op-ref', String(FIRST_GRANT));
    store.write('device/pci/0/event-channel', String(FIRST_CHANNEL));
    store.write('device/pci/0/magic', data.magic);
  });
  become(context, store, domid, states.Initialised);
  store.watch(`${otherEnd(context, domid)}/state`, FRONTEND_TOKEN);
};

/** A suspended domain takes no event. */
const standsStill = (context: Context, domid: number): boolean =>
  context.state.sleep.suspended[domid] === true && hasBehaviour(context.env.behaviour, 'suspend-modelled');

/** The backend's state changed. @source facts/dom0 4.7 (pcifront BE events) */
export const decideFrontendWake: Decider<'pcifront.woke'> = (context, { data }) => {
  const { domid } = data;
  const own = context.state.pcifront[domid];
  if (own === undefined || standsStill(context, domid)) return;
  const store = client(context, domid);
  switch (readState(store, otherEnd(context, domid))) {
    case states.Connected:
      if (own.state === states.Initialised) {
        scan(context, store, domid);
      }
      return;
    case states.Closed:
      if (own.state === states.Closed) return;
      goAway(context, store, domid);
      return;
    case states.Closing:
      goAway(context, store, domid);
      return;
    case states.Reconfiguring:
      detachPass(context, store, domid);
      return;
    case states.Reconfigured:
      if (own.state === states.Reconfiguring) scan(context, store, domid);
      return;
    default:
      return;
  }
};

/** Reads the published roots and finds what the backend exported, FE 4. */
function scan(context: Context, store: XenstoreClient, domid: number): void {
  const node = otherEnd(context, domid);
  const count = store.read(`${node}/root_num`);
  const roots: string[] = [];
  if (count === null) roots.push('0000:00');
  else for (let i = 0; i < Number(count); i++) roots.push(store.read(`${node}/root-${i}`) ?? '');
  log(context, domid, `Creating PCI Frontend Bus ${roots[0] ?? ''}`);
  const exported = Object.entries(context.state.pciback.backends[domid]?.devices ?? {});
  const devices = exported
    .map(([address, device]) => ({ address: Number(address) as GuestSbdf, device: device as Dom0Sbdf }))
    .filter(({ address, device }) => answers(context, domid, address, device))
    .map(({ address }) => address);
  become(context, store, domid, states.Connected, {
    roots: roots.join(' '),
    devices: devices.map((address) => address.toString(16)).join(' '),
  });
}

/**
 * Whether the guest makes a device of what it finds: pciback tells ids from memory, the header type from hardware.
 * @source facts/dom0 5.3; drivers/pci/probe.c of Linux 6.1 (pci_setup_device)
 */
function answers(context: Context, domid: number, address: GuestSbdf, device: Dom0Sbdf): boolean {
  const fn = linuxDevice(context, device)?.function;
  if (fn === undefined || context.state.hw.hung?.[fn] !== 'now') return true;
  const text = `pci ${formatSbdf(address)}: unknown header type 7f, ignoring device`;
  context.emit(`d${domid}`, 'linux.logged', { domid: domid as DomainId, text });
  return false;
}

function goAway(context: Context, store: XenstoreClient, domid: number): void {
  const own = context.state.pcifront[domid];
  if (own?.state === states.Connected || own?.state === states.Initialised) {
    log(context, domid, 'backend going away!');
  }
  become(context, store, domid, states.Closed, { roots: '', devices: '' });
}

/** Devices whose state is 5 leave the guest, FE 7; a frontend that never connected goes straight there. */
function detachPass(context: Context, store: XenstoreClient, domid: number): void {
  const own = context.state.pcifront[domid];
  if (own === undefined || (own.state !== states.Connected && own.state !== states.Initialised)) return;
  const node = otherEnd(context, domid);
  const count = Number(store.read(`${node}/num_devs`) ?? '0');
  const leaving = new Set<string>();
  if (own.state === states.Connected) {
    for (let i = 0; i < count; i++) {
      if (store.read(`${node}/state-${i}`) !== String(states.Closing)) continue;
      const vdev = /:(\w\w):(\w\w)\.(\w\w)$/.exec(store.read(`${node}/vdev-${i}`) ?? '');
      if (vdev === null) continue;
      const [bus, dev, fn] = vdev.slice(1).map((part) => Number.parseInt(part, 16)) as [
        number,
        number,
        number,
      ];
      leaving.add(((bus << 8) | (dev << 3) | fn).toString(16));
    }
  }
  become(context, store, domid, states.Reconfiguring, {
    roots: own.roots.join(' '),
    devices: own.devices.filter((device) => !leaving.has(device)).join(' '),
  });
}

/** A shutting down kernel closes its devices. */
export const decideFrontendShutdown: Decider<'pcifront.shut-down'> = (context, { data }) => {
  const own = context.state.pcifront[data.domid];
  if (own === undefined || own.state === states.Closed) return;
  become(context, client(context, data.domid), data.domid, states.Closing);
};
