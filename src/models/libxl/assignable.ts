import { domids } from '../../base/domid.js';
import { errnoName } from '../../base/errno.js';
import { type Dom0Sbdf, formatSbdf, parseSbdf } from '../../pci/sbdf.js';
import { DEVICES, PCIBACK } from '../linux/sysfs.js';

import { EPIPE } from './channel/send.js';
import { rc } from './errors.js';
import { libxlPath } from './names.js';
import type { StepIo, Steps } from './step.js';

const RDM_RELAXED = 1;

/** The device a step works on. */
export const deviceOf = (io: StepIo): Dom0Sbdf =>
  parseSbdf<Dom0Sbdf>(io.recall('bdf', io.job.devices[0] ?? ''))!;
const bdfOf = (io: StepIo): string => formatSbdf(deviceOf(io));

/** Writes a BDF into one of pciback's or a driver's files. */
const tell = (io: StepIo, file: string): number => io.write(file, bdfOf(io));

/** The errno of an answer over the request channel, by name. */
export const answerName = (failed: number): string => (failed === -EPIPE ? '-EPIPE' : errnoName(failed));

/**
 * `xl pci-assignable-add [-n NAME] BDF`, with the driver remembered. @source facts/dom0 8.3
 * What a failure leaves behind stays: an unbound driver, the stored driver_path.
 */
export const assignableAdd: Steps = {
  start: (io) => {
    const name = io.job.options['name'];
    if (typeof name === 'string' && (name.length > 64 || !/^[!-~]+$/.test(name))) return { rc: rc.FAIL };
    if (parseSbdf(io.job.devices[0] ?? '') === null) return io.fail('malformed BDF', rc.INVAL);
    if (storeOf(io) !== 'pciback') return { to: 'mark' };
    return { to: io.isFar ? 'bind-there' : 'find-device' };
  },
  /** The hardware domain does it all; which driver the device had is known only when its answer is there. */
  'bind-there': (io) => {
    const failed = io.woken.errno ?? 0;
    if (failed !== 0) return io.fail(`Couldn't bind device to pciback! (${answerName(failed)})`);
    if (io.woken.reply !== '') io.store.write(libxlPath(deviceOf(io), 'driver_path'), io.woken.reply);
    return { to: 'name' };
  },
  'find-device': (io) => {
    const path = `${DEVICES}/${bdfOf(io)}`;
    return io.exists(path)
      ? { to: 'check-bound' }
      : io.fail(`Couldn't lstat ${path}: No such file or directory`);
  },
  'check-bound': (io) => {
    if (!io.exists(PCIBACK)) return io.fail('Looks like pciback driver is not loaded');
    if (!io.exists(`${PCIBACK}/${bdfOf(io)}`)) return { to: 'unbind' };
    io.log('warning', `${bdfOf(io)} already assigned to pciback`);
    return { to: 'name' };
  },
  unbind: (io) => {
    const driver = io.driverOf(deviceOf(io));
    io.vars['driver'] = driver ?? '';
    if (driver !== null && tell(io, `${driver}/unbind`) !== 0)
      return io.fail(`Couldn't unbind device from driver`);
    return { to: 'remember-driver' };
  },
  'remember-driver': (io) => {
    const driver = io.recall('driver', '');
    const key = libxlPath(deviceOf(io), 'driver_path');
    if (driver !== '') io.store.write(key, driver);
    else if (io.store.read(key) !== null) {
      io.log('info', `${bdfOf(io)} not bound to a driver, will be rebound`);
    } else io.log('warning', `${bdfOf(io)} not bound to a driver, will not be rebound.`);
    return { to: 'list-slot' };
  },
  'list-slot': (io) => {
    const listed = (io.read(`${PCIBACK}/slots`) ?? '').split('\n').includes(bdfOf(io));
    if (!listed && tell(io, `${PCIBACK}/new_slot`) !== 0) return io.fail("Couldn't bind device to pciback!");
    return { to: 'bind' };
  },
  bind: (io) =>
    tell(io, `${PCIBACK}/bind`) === 0 ? { to: 'name' } : io.fail("Couldn't bind device to pciback!"),
  name: (io) => {
    const key = libxlPath(deviceOf(io), 'name');
    const name = io.recall<unknown>('name', io.job.options['name']);
    if (typeof name === 'string') io.store.write(key, name);
    else io.store.remove(key);
    return { to: 'quarantine' };
  },
  quarantine: (io) => {
    const ret = io.domctl(
      'assign_device',
      { dev: 0, flags: RDM_RELAXED, machine_sbdf: deviceOf(io) },
      domids.IO,
    );
    return ret === 0 ? { rc: rc.OK } : io.fail(`failed to quarantine ${bdfOf(io)}`);
  },
  /** Other stores of the list: nothing is bound, and nobody resets. @source facts/dom0 12.1 */
  mark: (io) => {
    if (storeOf(io) === 'xenstore') {
      io.store.write(libxlPath(deviceOf(io), 'assignable'), '1');
      return { rc: rc.OK };
    }
    const ret = io.sysctl('pci_device_set_assigned', { machine_sbdf: deviceOf(io), assigned: 1 });
    return ret === 0 ? { rc: rc.OK } : io.fail(`failed to mark ${bdfOf(io)} as assignable`);
  },
};

/** Who keeps the list of assignable devices. */
export const storeOf = (io: StepIo): 'pciback' | 'xen-flag' | 'xenstore' => {
  const policy = io.context.env.policies.assignable;
  return policy === 'xen-flag' || policy === 'xenstore' ? policy : 'pciback';
};

/** `xl pci-assignable-remove [-r] BDF|NAME`. @source facts/dom0 8.4 */
export const assignableRemove: Steps = {
  start: (io) => {
    // xl takes the argument for a name first.
    const wanted = io.job.devices[0] ?? '';
    for (const child of io.store.list('/libxl/pci')) {
      if (io.store.read(`/libxl/pci/${child}/name`) !== wanted) continue;
      io.vars['bdf'] = child.replace(/^(\w+)-(\w+)-(\w+)-(\w)$/, '$1:$2:$3.$4');
    }
    const device = parseSbdf(io.recall('bdf', wanted));
    if (device === null) return io.fail('malformed BDF', rc.INVAL);
    return { to: storeOf(io) === 'pciback' ? 'de-quarantine' : 'unmark' };
  },
  'de-quarantine': (io) => {
    const ret = io.domctl('deassign_device', { dev: 0, flags: 0, machine_sbdf: deviceOf(io) }, domids.IO);
    if (ret !== 0) return io.fail(`failed to de-quarantine ${bdfOf(io)}`);
    return { to: io.isFar ? 'unbind-there' : 'unbind' };
  },
  'unbind-there': (io) => {
    const failed = io.woken.errno ?? 0;
    if (failed !== 0) return io.fail(`Couldn't unbind device! (${answerName(failed)})`, -1);
    if (io.job.options['rebind'] === true) io.store.remove(libxlPath(deviceOf(io), 'driver_path'));
    return { to: 'forget-name' };
  },
  unbind: (io) => {
    if (!io.exists(`${PCIBACK}/${bdfOf(io)}`)) {
      io.log('warning', 'Not bound to pciback');
      return { to: 'rebind' };
    }
    if (tell(io, `${PCIBACK}/unbind`) !== 0) io.log('error', "Couldn't unbind device!");
    return { to: 'forget-slot' };
  },
  'forget-slot': (io) => {
    const listed = (io.read(`${PCIBACK}/slots`) ?? '').split('\n').includes(bdfOf(io));
    if (listed && tell(io, `${PCIBACK}/remove_slot`) !== 0) io.log('error', "Couldn't remove pciback slot");
    return { to: 'rebind' };
  },
  rebind: (io) => {
    const key = libxlPath(deviceOf(io), 'driver_path');
    const driver = io.store.read(key);
    if (io.job.options['rebind'] !== true) return { to: 'forget-name' };
    if (driver === null) {
      io.log('warning', "Couldn't find path for original driver; not rebinding");
      return { to: 'forget-name' };
    }
    if (tell(io, `${driver}/bind`) !== 0) return io.fail(`Couldn't bind device to ${driver}`, -1);
    io.store.remove(key);
    return { to: 'forget-name' };
  },
  'forget-name': (io) => {
    io.store.remove(libxlPath(deviceOf(io), 'name'));
    return { rc: rc.OK };
  },
  unmark: (io) => {
    if (storeOf(io) === 'xenstore') {
      io.store.remove(libxlPath(deviceOf(io), 'assignable'));
      return { rc: rc.OK };
    }
    const ret = io.sysctl('pci_device_set_assigned', { machine_sbdf: deviceOf(io), assigned: 0 });
    return ret === 0 ? { rc: rc.OK } : io.fail(`failed to mark ${bdfOf(io)} as not assignable`);
  },
};

/** A device of the list with the name it was given. */
export interface Assignable {
  readonly device: Dom0Sbdf;
  readonly name: string;
}

/** Devices a guest may get: those of the store that no guest has. @source facts/dom0 8.2 */
export function assignableDevices(io: StepIo): readonly Assignable[] | null {
  const names = namesInStore(io);
  if (names === null) return null;
  const free: Assignable[] = [];
  for (const name of names) {
    // Five-digit domains never match libxl's pattern.
    const device = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(name)
      ? parseSbdf<Dom0Sbdf>(name)
      : null;
    if (device === null || io.store.read(libxlPath(device, 'domid')) !== null) continue;
    free.push({ device, name: io.store.read(libxlPath(device, 'name')) ?? '' });
  }
  return free;
}

/** Names the store has, free or not; null where it cannot be read. */
export function namesInStore(io: StepIo): readonly string[] | null {
  switch (storeOf(io)) {
    case 'pciback':
      return io.list(PCIBACK);
    case 'xenstore':
      return io.store
        .list('/libxl/pci')
        .filter((child) => io.store.read(`/libxl/pci/${child}/assignable`) === '1')
        .map((child) => child.replace(/^(\w+)-(\w+)-(\w+)-(\w)$/, '$1:$2:$3.$4'));
    case 'xen-flag':
      return io.markedInXen();
  }
}

/** `xl pci-assignable-list [-n]`. @source facts/dom0 8.2 */
export const assignableList: Steps = {
  start: (io) => {
    const devices = assignableDevices(io);
    if (devices === null) return io.fail('Looks like pciback driver not loaded');
    const names = io.job.options['names'] === true;
    for (const { device, name } of devices) io.log('output', `${formatSbdf(device)} ${names ? name : ''}`);
    return { rc: rc.OK };
  },
};
