import { errno } from '../../base/errno.js';
import type { Context } from '../context.js';
import { shadowOps } from '../xen/log-dirty.js';
import { domainPath } from '../xenstore/xenbus.js';
import { rc } from './errors.js';
import type { Next, StepIo, Steps } from './step.js';
import { attachedDevices } from './xenstore-device.js';

const REASON = 'Invalid argument';

const isLive = (io: StepIo): boolean => io.job.op === 'migrate';
const isHvm = (io: StepIo): boolean => io.guestType === 'hvm';
const shutdownKey = (io: StepIo): string => `${domainPath(io.domid)}/control/shutdown`;

/** Whether a guest that was asked to suspend has done so. */
export const hasSuspended = (context: Pick<Context, 'state'>, domid: number): boolean =>
  context.state.sleep.suspended[domid] === true;

/**
 * `xl save` and the sending half of `xl migrate`. libxl never asks whether the guest holds devices: a live one is
 * refused by Xen, one that stands still is saved without them. What xl does with the guest afterwards (destroy, or
 * nothing after a failed migration) is a command of its own.
 * @source tools/libs/light/libxl_dom_save.c, libxl_dom_suspend.c, libxl_qmp.c (libxl__qmp_suspend_save), libxl_stream_write.c;
 *   tools/libs/guest/xg_sr_save.c; tools/xl/xl_saverestore.c, xl_migrate.c at c447b73
 */
export const save: Steps = {
  start: (io) => {
    io.vars['held'] = attachedDevices(io).map(({ device }) => device);
    io.log('info', `Saving domain ${io.domid}, type x86 ${isHvm(io) ? 'HVM' : 'PV'}`);
    if (isHvm(io)) {
      io.ask('xen-set-global-dirty-log', { enable: true });
      return { wait: 'qmp', to: 'dm-logs' };
    }
    return { to: isLive(io) ? 'log-dirty' : 'ask-guest' };
  },
  'dm-logs': (io) => {
    if (io.woken.by === 'answer' && io.woken.ok) return { to: isLive(io) ? 'log-dirty' : 'ask-guest' };
    io.log('error', `logdirty switch failed (rc=${rc.FAIL}), abandoning suspend`);
    io.log('error', "Couldn't enable qemu log-dirty mode");
    return notAnswered(io, `${errno.EINVAL} = ${REASON}`);
  },
  /** A log that is on for the video memory is switched off and tried once more. */
  'log-dirty': (io) => {
    const enable = (): number => -io.domctl('shadow_op', { op: shadowOps.ENABLE_LOGDIRTY, mode: 0 });
    const first = enable();
    if (first === 0) return { to: 'ask-guest' };
    const off = -io.domctl('shadow_op', { op: shadowOps.OFF, mode: 0 });
    const second = off === 0 ? enable() : 0;
    if (off === 0 && second === 0) return { to: 'ask-guest' };
    const why = `${errno.EINVAL} = ${REASON}`;
    io.log('error', `Failed to enable logdirty: ${first},${off},${second} (${why}): Internal error`);
    io.log('error', `Save failed (${why}): Internal error`);
    if (!isHvm(io)) return notAnswered(io, null);
    io.ask('xen-set-global-dirty-log', { enable: false });
    return { wait: 'qmp', to: 'dm-stopped-logging' };
  },
  'dm-stopped-logging': (io) => notAnswered(io, null),
  /** libxl made the key when it built the guest, for the guest to write. */
  'ask-guest': (io) => {
    if (io.store.read(shutdownKey(io)) === null) io.store.make(shutdownKey(io), `n0 b${io.domid}`);
    io.store.write(shutdownKey(io), 'suspend');
    return { wait: 'guest', to: 'guest-suspended' };
  },
  /** Sixty seconds each for the answer in XenStore and for the suspend itself. */
  'guest-suspended': (io) => {
    if (io.woken.by !== 'timeout') return isHvm(io) ? { to: 'stop-dm' } : { to: 'sent' };
    if (io.store.read(shutdownKey(io)) === 'suspend') {
      io.store.write(shutdownKey(io), '');
      io.log('error', "guest didn't acknowledge suspend, cancelling request");
      return notAnswered(io, '0 = Success');
    }
    io.log('error', 'guest did not suspend, timed out');
    return ended(io, 'domain responded to suspend request: Success', rc.GUEST_TIMEDOUT);
  },
  'stop-dm': (io) => {
    io.ask('stop', {});
    return { wait: 'qmp', to: 'save-dm' };
  },
  /** Nothing of a passed-through device is in the state of QEMU: xen-pci-passthrough describes none. */
  'save-dm': (io) => {
    io.ask('xen-save-devices-state', { live: isLive(io) });
    return { wait: 'qmp', to: 'dm-saved' };
  },
  'dm-saved': (io) =>
    io.woken.by === 'answer' && io.woken.ok
      ? { to: 'sent' }
      : ended(io, 'domain responded to suspend request: Success', rc.FAIL),
  sent: () => ({ rc: rc.OK }),
};

/** libxl takes a guest that it never asked for one that did not answer. @source libxl_stream_write.c (libxl__xc_domain_save_done) */
function notAnswered(io: StepIo, saveFailed: string | null): Next {
  if (saveFailed !== null) io.log('error', `Save failed (${saveFailed}): Internal error`);
  const reason = saveFailed?.endsWith('Success') === true ? 'Success' : REASON;
  return ended(io, `domain did not respond to suspend request: ${reason}`, rc.GUEST_TIMEDOUT);
}

function ended(io: StepIo, why: string, code: number): Next {
  io.log('error', `saving domain: ${why}`);
  if (!isLive(io)) return io.fail('Failed to save domain, resuming domain', code);
  io.log('error', `migration sender: libxl_domain_suspend failed (rc=${code})`);
  const asked = code === rc.GUEST_TIMEDOUT ? 'failed to suspend' : 'resuming';
  return io.fail(`Migration failed, ${asked} at sender.`, code);
}
