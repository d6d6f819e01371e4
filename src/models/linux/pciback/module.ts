import { type Dom0Sbdf, formatSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Decider } from '../../context.js';
import { deviceOwner } from '../../xen/driver-domain.js';
import { by, linuxDevice, linuxLog } from '../devices.js';
import { expand } from '../sysfs.js';
import { startBackends } from './backend.js';
import { giveUp } from './recovery.js';
import { releaseDevice, seizeDevice } from './stub.js';

/**
 * Module initialisation: a `hide=` that cannot be read to its end makes all of it fail, and nothing is hidden.
 * Devices another driver has are left to it. Only the initial domain loads it. @source facts/dom0 4.1, 4.2
 */
export const decidePcibackLoad: Decider<'pciback.loaded'> = (context, { data }) => {
  const owner = deviceOwner(context);
  if (owner === null) return;
  if (context.state.domains[owner]?.hardware !== true && context.state.owners.settled) {
    context.emit(by(context), 'pciback.module-changed', { running: false, reason: '-ENODEV' });
    return;
  }
  const hidden = parseHide(data.hide);
  if ('rest' in hidden) {
    linuxLog(context, `xen_pciback: Error parsing pci_devs_to_hide at "${hidden.rest}"`);
    context.emit(by(context), 'pciback.module-changed', { running: false, reason: '-EINVAL' });
    return;
  }
  linuxLog(context, `xen_pciback: backend is ${data.passthrough ? 'passthrough' : 'vpci'}`);
  for (const sbdf of hidden.devices)
    context.emit(by(context), 'pciback.slot-changed', { sbdf, listed: true });
  context.emit(by(context), 'pciback.module-changed', { running: true, reason: null });
  for (const key of Object.keys(context.state.linux.devices)) {
    const sbdf = Number(key) as Dom0Sbdf;
    if (linuxDevice(context, sbdf)?.driver === null) seizeDevice(context, sbdf);
  }
  if (data.pvSupport) startBackends(context);
};

/** Groups `(` [dddd:]bb:dd.f `)`; `*` for the function or for both. */
function parseHide(text: string): { readonly devices: readonly Dom0Sbdf[] } | { readonly rest: string } {
  const devices: Dom0Sbdf[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const match = /^\(\s*([0-9a-f:.*]+)\s*\)\s*/i.exec(rest);
    const found = match === null ? [] : expand(match[1]!);
    if (match === null || found.length === 0) return { rest };
    devices.push(...found);
    rest = rest.slice(match[0].length);
  }
  return { devices };
}

/** The module goes: its devices are released one by one, backends and all. */
export const decidePcibackUnload: Decider<'pciback.unloaded'> = (context) => {
  for (const key of Object.keys(context.state.pciback.devices))
    releaseDevice(context, Number(key) as Dom0Sbdf);
};

/**
 * AER on a device pciback holds: only a connected frontend that handles AER is asked; without one the guest's device
 * is declared dead in XenStore, which nobody watches. @source facts/dom0 6
 */
export const decideAerReport: Decider<'aer.reported'> = (context, { data }) => {
  const stub = context.state.pciback.devices[data.sbdf];
  const domid = stub?.exportedTo ?? null;
  if (stub === undefined || domid === null) return;
  const backend = context.state.pciback.backends[domid];
  if (backend?.connected === true) return;
  const why = hasBehaviour(context.env.behaviour, 'guests-say-why')
    ? 'xen_pciback: device is not connected or owned by HVM, kill it'
    : 'guest with no AER driver should have been killed';
  linuxLog(context, `pciback ${formatSbdf(data.sbdf)}: ${why}`);
  giveUp(context, domid);
};
