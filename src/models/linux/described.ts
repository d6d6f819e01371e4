import type { Decider } from '../context.js';
import { deviceOwner } from '../xen/driver-domain.js';
import { by, enableDevice, linuxDevice, setUpGsi } from './devices.js';
import { report } from './enumerated.js';

/**
 * The owner's Linux finds a function on its bus. With nobody owning the bridges nobody finds it. It is reported to Xen
 * when that Linux is the initial domain (XENFEAT_dom0: Xen's hardware domain); a driver domain that is not keeps it to
 * itself. Then its driver binds. A function that is known already stays as it is.
 * @source facts/dom0 2.1, 12.3; xen/common/kernel.c (XENFEAT_dom0)
 */
export const decideDescribed: Decider<'hardware.described'> = (context, { data }) => {
  const owner = deviceOwner(context);
  if (owner === null || linuxDevice(context, data.sbdf) !== undefined) return;
  if (context.state.owners.down !== null) return;
  const { sbdf, gsi, physfn, driver } = data;
  context.emit(by(context), 'linux.found', { sbdf, function: data.function });
  context.emit(by(context), 'linux.routed', { sbdf, gsi, physfn });
  if (context.state.domains[owner]?.hardware === true) report(context, sbdf, physfn);
  if (driver === null) return;
  enableDevice(context, sbdf);
  setUpGsi(context, gsi);
  context.emit(by(context), 'linux.driver-changed', { sbdf, driver });
};
