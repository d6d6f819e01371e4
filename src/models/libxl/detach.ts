import { type Dom0Sbdf, formatSbdf, parseSbdf, segmentOf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { xenbusStates as states } from '../linux/pciif/page.js';
import { domainPath } from '../xenstore/xenbus.js';
import { errorText, resetDevice } from './attach.js';
import { lookUpName } from './by-name.js';
import { deviceModelReleases } from './device-model.js';
import { rc } from './errors.js';
import { libxlPath, qemuId } from './names.js';
import { permitRegions, revokeInterrupt } from './resources.js';
import { parseSpec } from './spec.js';
import type { Next, StepIo, Steps } from './step.js';
import { attachedDevices, closeInStore, removeFromStore } from './xenstore-device.js';

/** The device a step works on. */
export const deviceOf = (io: StepIo): Dom0Sbdf =>
  io.recall('devices', [0])[io.recall('index', 0)] as Dom0Sbdf;

/** The domain a device is being taken from: the guest's stub domain, or the guest. */
const subjectOf = (io: StepIo): number => io.recall('subject', io.domid);
const isStubdom = (io: StepIo): boolean => subjectOf(io) !== io.domid;

const isForced = (io: StepIo): boolean => io.job.op === 'destroy' || io.job.options['force'] === true;

const devicesOf = (io: StepIo): readonly number[] => io.recall('devices', []);

/** The next device of the command, or what comes after the last. */
function nextDevice(io: StepIo): Next {
  const pending = io.recall<readonly number[]>('pending', []);
  const index = io.recall('index', 0) + 1;
  if (io.recall('draining', false) || (pending.length > 0 && index >= devicesOf(io).length)) {
    return pending.length > 0 ? { wait: 'removal', to: 'dm-removed' } : { to: 'remove-home' };
  }
  io.vars['index'] = index;
  if (index < devicesOf(io).length) return { to: 'find' };
  return io.job.op === 'destroy' ? { to: 'remove-home' } : { rc: rc.OK };
}

/**
 * The end of a domain starts the removal of every device before it waits for the first, so that their ten seconds run
 * side by side. @source libxl__device_pci_destroy_all, libxl__multidev
 */
const isSideBySide = (io: StepIo): boolean =>
  io.job.op === 'destroy' &&
  devicesOf(io).length > 1 &&
  hasBehaviour(io.context.env.behaviour, 'devices-leave-side-by-side');

/** Whose wait has ended: the device the answer names; timers run out in the order in which they were set. */
function takePending(io: StepIo): void {
  const pending = io.recall<readonly number[]>('pending', []);
  const named = pending.find((one) => qemuId(one as Dom0Sbdf) === io.woken.reply);
  const device = named ?? pending[0];
  if (device === undefined) return;
  io.vars['draining'] = true;
  io.vars['pending'] = pending.filter((one) => one !== device);
  io.vars['index'] = devicesOf(io).indexOf(device);
}

/**
 * `xl pci-detach`, and the PCI part of a domain's end, which takes every device with force. @source facts/dom0 8.8
 */
export const detach: Steps = {
  start: (io) => {
    if (io.job.op === 'destroy') {
      // A guest with a stub domain has no keys of its own: its stub domain gives up what both had.
      if (io.stubdom !== null) io.vars['subject'] = io.stubdom;
      // Devices named with the command say in which order the device model lets go of them.
      const order = io.job.devices.map((one) => parseSbdf<Dom0Sbdf>(one)).filter((one) => one !== null);
      const held = attachedDevices(io, subjectOf(io)).map((one) => one.device);
      const named = order.filter((one) => held.includes(one));
      io.vars['devices'] = [...named, ...held.filter((one) => !named.includes(one))];
    } else {
      const parsed = parseSpec(io.job.devices[0] ?? '');
      if ('error' in parsed) {
        return io.fail(`pci-detach: malformed PCI_SPEC_STRING "${io.job.devices[0] ?? ''}"`, rc.INVAL);
      }
      const { device, name } = parsed.spec;
      const found = name === null ? { device, found: true } : lookUpName(io, name);
      if (!found.found) return { rc: rc.NOTFOUND };
      io.vars['devices'] = [found.device!];
    }
    io.vars['index'] = 0;
    const none = devicesOf(io).length === 0;
    return { to: none ? 'remove-home' : 'find' };
  },
  find: (io) => {
    const held = attachedDevices(io, subjectOf(io));
    // An empty list counts as none: the command ends without a word, and with force it goes on.
    if (held.length === 0) return isForced(io) ? { to: strangerGoesTo(io) } : { rc: rc.FAIL };
    if (!held.some((one) => one.device === deviceOf(io))) {
      io.log('error', 'PCI device not attached to this domain');
      return isForced(io) ? { to: strangerGoesTo(io) } : { rc: rc.INVAL };
    }
    return { to: io.guestType === 'hvm' && !isStubdom(io) ? 'remove-from-dm' : 'revoke' };
  },
  'remove-from-dm': (io) => {
    io.ask('device_del', { id: qemuId(deviceOf(io)) });
    if (!isSideBySide(io)) return { wait: 'removal', to: 'dm-removed' };
    const index = io.recall('index', 0) + 1;
    io.vars['pending'] = [...io.recall<readonly number[]>('pending', []), deviceOf(io)];
    if (index >= devicesOf(io).length) return { wait: 'removal', to: 'dm-removed' };
    io.vars['index'] = index;
    return { to: 'find' };
  },
  /** An answer says that the id is gone from `query-pci`; ten seconds without one end the wait. */
  'dm-removed': (io) => {
    if (isSideBySide(io)) takePending(io);
    const device = deviceOf(io);
    if (io.woken.by === 'answer' && io.woken.ok) {
      const vdevfn = attachedDevices(io).find((one) => one.device === device)?.vdevfn ?? 0;
      deviceModelReleases(io.context, io.domid, device, vdevfn);
      return { to: 'revoke' };
    }
    if (io.woken.by === 'timeout') io.log('warning', `timed out waiting for DM to remove ${qemuId(device)}`);
    if (!isForced(io)) return { rc: rc.FAIL };
    return { to: 'revoke' };
  },
  revoke: (io) => {
    // Before 4.18 an HVM guest kept every permission. @source facts/dom0 8.8 (history)
    if (io.guestType === 'hvm' && !isStubdom(io) && !io.has('libxl-hvm-detach-revokes'))
      return { to: 'deassign' };
    permitRegions(io, deviceOf(io), false, subjectOf(io));
    return { to: 'revoke-interrupt' };
  },
  'revoke-interrupt': (io) => {
    if (io.context.env.platform.arch !== 'arm64') revokeInterrupt(io, deviceOf(io), subjectOf(io));
    return { to: 'reset' };
  },
  reset: (io) => {
    const held = attachedDevices(io, subjectOf(io)).find((one) => one.device === deviceOf(io));
    if (((held?.vdevfn ?? 0) & 7) === 0) resetDevice(io, deviceOf(io));
    return { to: isStubdom(io) ? 'wait-before' : 'deassign' };
  },
  deassign: (io) => {
    const ret = io.domctl('deassign_device', { dev: 0, flags: 0, machine_sbdf: deviceOf(io) });
    if (ret !== 0) io.log('error', `xc_deassign_device failed: ${errorText(ret)}`);
    if (io.stubdom === null) return { to: 'wait-before' };
    // Then the same for the stub domain, which was never asked to give the device back. @source facts/dom0 8.8
    io.vars['subject'] = io.stubdom;
    return { to: 'find' };
  },
  /** A PV backend has to stand at Connected; a guest that closed its own side never lets it. @source facts/dom0 8.6 */
  'wait-before': (io) => (isPv(io) ? { wait: 'backend', to: 'close' } : { to: 'close' }),
  close: (io) => {
    if (io.woken.by === 'timeout') return notReady(io);
    const index = closeInStore(io, deviceOf(io), subjectOf(io));
    if (index === null) {
      const missing = missingInStore(io);
      if (missing !== null) io.log('error', missing);
      return { to: 'release' };
    }
    io.vars['index-in-store'] = index;
    return isPv(io) ? { wait: 'backend', to: 'remove' } : { to: 'remove' };
  },
  remove: (io) => {
    if (io.woken.by === 'timeout') return notReady(io);
    removeFromStore(io, io.recall('index-in-store', 0), subjectOf(io));
    return { to: 'release' };
  },
  release: (io) => {
    io.store.remove(libxlPath(deviceOf(io), 'domid'));
    if (io.job.op === 'detach' && isStubdom(io)) io.vars['subject'] = io.domid;
    return nextDevice(io);
  },
  'remove-home': (io) => {
    if (io.stubdom !== null) {
      io.store.remove(domainPath(io.stubdom));
      io.store.remove(`/libxl/${io.stubdom}`);
    }
    const home = domainPath(io.domid);
    const vm = io.store.read(`${home}/vm`);
    if (vm !== null) io.store.remove(vm);
    io.store.remove(home);
    io.store.remove(`/libxl/${io.domid}`);
    io.store.remove(`${home}/hvmloader`);
    return { rc: rc.OK };
  },
};

/**
 * With force libxl goes on with a device the guest does not have. Since 4.18 permissions are taken back on the common
 * way out, before that only of a device that was found. @source do_pci_remove, pci_remove_detached; recordings
 */
const strangerGoesTo = (io: StepIo): 'revoke' | 'reset' =>
  io.has('libxl-hvm-detach-revokes') || !hasBehaviour(io.context.env.behaviour, 'devices-leave-side-by-side')
    ? 'revoke'
    : 'reset';

/** Without a count of devices libxl says nothing. @source libxl__device_pci_remove_xenstore */
function missingInStore(io: StepIo): string | null {
  const device = deviceOf(io);
  if (!hasBehaviour(io.context.env.behaviour, 'devices-leave-side-by-side')) {
    return `Couldn't find the device ${formatSbdf(device)} on xenstore (segment ${segmentOf(device)})`;
  }
  const count = io.store.read(`${io.backendFor(subjectOf(io))}/num_devs`);
  return count === null ? null : "Couldn't find the device on xenstore";
}

/** Whoever has a frontend makes libxl wait. */
const isPv = (io: StepIo): boolean => isStubdom(io) || io.guestType === 'pv';

function notReady(io: StepIo): Next {
  io.log('error', `Backend ${io.backendFor(subjectOf(io))} not ready`);
  return { to: 'release' };
}

/** Whether the backend stands where a waiting command wants it. */
export const isBackendReady = (state: string | undefined): boolean => state === String(states.Connected);
