import { domids } from '../../../base/domid.js';
import { errno, errnoName } from '../../../base/errno.js';
import { findCapability } from '../../../pci/capability-walk.js';
import { busOf, type Dom0Sbdf, formatSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import { has } from '../../../policy/has.js';
import type { Context } from '../../context.js';

import { linuxDomain } from '../../xen/driver-domain.js';
import {
  by,
  disableDevice,
  enableDevice,
  linuxDevice,
  linuxHypercall,
  linuxLog,
  linuxRead,
  linuxRemembers,
  physdevName,
  setOwner,
} from '../devices.js';
import { parentBridge, resetFunction, restoreState, saveState } from '../reset.js';
import { patchDevice } from './port.js';

/**
 * Whether pciback takes a device that is offered to it: it or a bridge above it is listed, or `driver_override` says so.
 * @source facts/dom0 4.4
 */
function wantsDevice(context: Context, sbdf: Dom0Sbdf): boolean {
  if (linuxDevice(context, sbdf)?.driverOverride === 'pciback') return true;
  let at: Dom0Sbdf | null = sbdf;
  for (let depth = 0; at !== null && depth < 256; depth++) {
    if (context.state.pciback.slots.includes(at)) return true;
    at = busOf(at) === 0 ? null : parentBridge(context, at);
  }
  return false;
}

/** `pcistub_probe` and `pcistub_init_device`: 0 or the errno the bind ends with. @source facts/dom0 4.4 */
export function seizeDevice(context: Context, sbdf: Dom0Sbdf): number {
  if (!wantsDevice(context, sbdf)) return -errno.ENODEV;
  if (
    !context.state.pciback.slots.includes(sbdf) &&
    linuxDevice(context, sbdf)?.driverOverride === 'pciback'
  ) {
    context.emit(by(context), 'pciback.slot-changed', { sbdf, listed: true });
  }
  const name = `pciback ${formatSbdf(sbdf)}: xen_pciback`;
  if ((linuxRemembers(context, sbdf, 0x0e, 1) & 0x7f) > 1) {
    linuxLog(
      context,
      `${name}: can't export pci devices that don't have a normal (0) or bridge (1) header type!`,
    );
    return -errno.ENODEV;
  }
  linuxLog(context, `${name}: seizing device`);
  const command = linuxRead(context, sbdf, 0x04, 2);
  const failed = enableDevice(context, sbdf);
  if (failed !== 0) return failed;
  const hasMsix = findCapability((reg, size) => linuxRemembers(context, sbdf, reg, size), 0x11) !== 0;
  if (hasMsix) {
    const ret = linuxHypercall(context, 'physdev_op', 'prepare_msix', physdevName(sbdf));
    if (ret !== 0 && ret !== -errno.ENOSYS) linuxLog(context, `${name}: MSI-X preparation failed (${ret})`);
  }
  const saved = saveState(context, sbdf);
  resetFunction(context, sbdf, isAsReleased(context) ? 'pciback' : undefined);
  const refused = xenReset(context, sbdf);
  if (refused !== 0) {
    disableDevice(context, sbdf);
    return refused;
  }
  restoreState(context, sbdf, saved);
  context.emit(by(context), 'linux.driver-changed', { sbdf, driver: 'pciback' });
  context.emit(by(context), 'pciback.seized', {
    sbdf,
    command,
    saved: Object.fromEntries(Object.entries(saved)),
  });
  disableDevice(context, sbdf);
  return 0;
}

/**
 * Linux from 6.12 tells Xen of the reset when Dom0 is not PV; a Xen before 4.20 does not know the operation, and the
 * bind ends there. @source facts/dom0 4.4, Appendix A
 */
function xenReset(context: Context, sbdf: Dom0Sbdf): number {
  if (!has(context.env, 'tells-xen-of-resets')) return 0;
  if (context.state.domains[linuxDomain(context)]?.type === 'pv') return 0;
  const device = physdevName(sbdf);
  const ret = linuxHypercall(context, 'physdev_op', 'pci_device_reset', { ...device, dev: device, flags: 3 });
  if (ret !== 0) {
    linuxLog(context, `pciback ${formatSbdf(sbdf)}: xen_pciback: reset failed (${ret}, ${errnoName(ret)})`);
  }
  return ret;
}

const isAsReleased = ({ env }: Context): boolean => hasBehaviour(env.behaviour, 'pciback-as-released');

/** `pcistub_put_pci_dev`: a guest is done with a device. `permissive` stays. @source facts/dom0 11.4 */
export function putDevice(context: Context, sbdf: Dom0Sbdf): void {
  const stub = context.state.pciback.devices[sbdf];
  if (stub === undefined) return;
  resetFunction(context, sbdf);
  xenReset(context, sbdf);
  restoreState(context, sbdf, stub.saved);
  undoGuest(context, sbdf);
  patchDevice(context, sbdf, { sizing: {}, quirks: [], allowInterruptControl: false });
  setOwner(context, sbdf, null);
}

/** Dom0 unmaps what it mapped for the guest; a guest that is gone already is no error. @source facts/dom0 2.5 (teardown) */
export function unmapMessages(context: Context, sbdf: Dom0Sbdf): void {
  const stub = context.state.pciback.devices[sbdf];
  const domid = linuxDevice(context, sbdf)?.owner ?? null;
  for (const pirq of stub?.pirqs ?? []) {
    const ret = linuxHypercall(context, 'physdev_op', 'unmap_pirq', { domid: domid ?? domids.SELF, pirq });
    if (ret === -errno.ESRCH) linuxLog(context, `domain ${domid} does not have ${pirq} anymore`);
  }
  if ((stub?.pirqs.length ?? 0) > 0) patchDevice(context, sbdf, { pirqs: [] });
}

/** `xen_pcibk_reset_device`: fake irq, MSI-X, MSI and the device itself off. */
function undoGuest(context: Context, sbdf: Dom0Sbdf): void {
  unmapMessages(context, sbdf);
  if ((linuxRemembers(context, sbdf, 0x0e, 1) & 0x7f) === 0) disableDevice(context, sbdf);
  patchDevice(context, sbdf, {
    isrOn: false,
    ackIntr: false,
    enableIntx: false,
    enabled: false,
    isBusmaster: false,
    msi: 'none',
    command: 0,
  });
}

/** `pcistub_device_release`: the driver lets go of a device. @source facts/dom0 11.4 */
export function releaseDevice(context: Context, sbdf: Dom0Sbdf): void {
  const stub = context.state.pciback.devices[sbdf];
  if (stub === undefined) return;
  if (stub.exportedTo !== null) {
    linuxLog(
      context,
      `pciback ${formatSbdf(sbdf)}: ****** removing device ${formatSbdf(sbdf)} while still in-use by domain ${stub.exportedTo}! ******`,
    );
  }
  setOwner(context, sbdf, null);
  resetFunction(context, sbdf);
  // What Xen answers is not looked at.
  if (isAsReleased(context)) xenReset(context, sbdf);
  restoreState(context, sbdf, stub.saved);
  if (findCapability((reg, size) => linuxRemembers(context, sbdf, reg, size), 0x11) !== 0) {
    const ret = linuxHypercall(context, 'physdev_op', 'release_msix', physdevName(sbdf));
    if (ret !== 0 && ret !== -errno.ENOSYS) {
      linuxLog(context, `pciback ${formatSbdf(sbdf)}: xen_pciback: MSI-X release failed (${ret})`);
    }
  }
  disableDevice(context, sbdf);
  context.emit(by(context), 'pciback.let-go', { sbdf });
  context.emit(by(context), 'linux.driver-changed', { sbdf, driver: null });
}
