import { domids } from '../../../base/domid.js';
import { errno, errnoName } from '../../../base/errno.js';
import { findCapability } from '../../../pci/capability-walk.js';
import { busOf, type Dom0Sbdf, devfnOf, formatSbdf, type GuestSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context, Decider } from '../../context.js';

import { linuxDomain } from '../../xen/driver-domain.js';
import { enterXen } from '../../xen/hypercalls.js';
import { by, linuxDevice, linuxLog, linuxRead, resourcesOf } from '../devices.js';
import { configRead, configWrite } from '../pciback/config-policy.js';
import { devicePort, patchDevice } from '../pciback/port.js';
import { unmapMessages } from '../pciback/stub.js';
import { errorToPcibios, MAX_MSIX_ENTRIES, pciCommands, pciErrors, xenbusStates } from './page.js';

interface Answer {
  readonly err: number;
  readonly value: number;
  readonly vectors: string;
}

interface Request {
  readonly cmd: number;
  readonly sbdf: number;
  readonly offset: number;
  readonly size: number;
  readonly value: number;
}

/** pcifront asks; refused when it is not connected or a request is out. @source facts/dom0 6 */
export const decideSubmit: Decider<'pciif.submitted'> = (context, { data, by: actor }) => {
  const front = context.state.pcifront[data.domid];
  if (front === undefined || (front.state !== xenbusStates.Connected && front.stale !== true)) {
    context.emit(actor, 'pciif.refused', { domid: data.domid, reason: 'not-connected' });
  }
};

/** The worker copies the request before it does anything: what the guest changes later does not matter. */
export const decideTake: Decider<'pciif.taken'> = (context, { data }) => {
  const page = context.state.pcifront[data.domid]?.page;
  if (page === undefined || page.pending === null || page.serving !== null) return;
  if (context.state.pciback.backends[data.domid]?.connected !== true) return;
  context.emit(by(context), 'pciif.started', { domid: data.domid });
};

/**
 * The worker carries out what it copied, writes back error, value and vectors and clears the request bit, whichever
 * request that bit stands for by then. @source facts/dom0 6, 7
 */
export const decideServe: Decider<'pciif.served'> = (context, { data }) => {
  const page = context.state.pcifront[data.domid]?.page;
  if (page === undefined || page.serving === null) return;
  const waits = page.pending !== null;
  const expired = page.expired;
  const request = page.serving;
  const answer = carryOut(context, data.domid, request);
  context.emit(by(context), 'pciif.finished', { domid: data.domid, ...answer });
  if (!waits) return;
  context.emit(`d${data.domid}`, 'pciif.returned', {
    domid: data.domid,
    err: errorToPcibios(answer.err),
    value: answer.value,
    attempts: expired,
  });
  if (!hasBehaviour(context.env.behaviour, 'guests-say-why')) return;
  for (const text of refusalOf(request, answer))
    context.emit(`d${data.domid}`, 'linux.logged', { domid: data.domid, text });
};

/**
 * What a guest prints when it gets no messages. An MSI is always -EINVAL to its driver, MSI-X what came through the page.
 * @source facts/dom0 7; drivers/pci/xen-pcifront.c, arch/x86/pci/xen.c (xen_setup_msi_irqs)
 */
function refusalOf(request: Request, { err, value }: Answer): readonly string[] {
  const name = formatSbdf(request.sbdf as GuestSbdf);
  switch (request.cmd) {
    case pciCommands.enable_msi:
      if (err === 0) return [];
      return [
        `${name}: pci frontend enable msi failed for dev ${busOf(request.sbdf as GuestSbdf).toString(16)}:${devfnOf(request.sbdf as GuestSbdf).toString(16)}`,
        `${name}: Xen PCI frontend error: ${-errno.EINVAL}!`,
      ];
    case pciCommands.enable_msix: {
      if (err === 0 && value === 0) return [];
      const what = err === 0 ? `value ${value.toString(16)}` : `err ${(err >>> 0).toString(16)}`;
      return [
        `${name}: enable msix get ${what}`,
        `${name}: Xen PCI frontend error: ${err === 0 ? value | 0 : err}!`,
      ];
    }
    default:
      return [];
  }
}

/** Two seconds: the frontend takes its request back and tells its caller -1. @source facts/dom0 6 */
export const decideExpiry: Decider<'pciif.expired'> = (context, { data }) => {
  const actor = `d${data.domid}`;
  context.emit(actor, 'linux.logged', {
    domid: data.domid,
    text: 'pcifront pci-0: pciback not responding!!!',
  });
  const expired = context.state.pcifront[data.domid]?.page.expired ?? 0;
  const err = pciErrors.dev_not_found;
  context.emit(actor, 'pciif.returned', {
    domid: data.domid,
    err: errorToPcibios(err),
    value: 0,
    attempts: expired,
  });
};

function carryOut(context: Context, domid: number, request: Request): Answer {
  const failed = (err: number, value = request.value): Answer => ({ err, value, vectors: '' });
  const device = context.state.pciback.backends[domid]?.devices[request.sbdf] as Dom0Sbdf | undefined;
  if (device === undefined) return failed(pciErrors.dev_not_found);
  const port = devicePort(context, device);
  if (port === undefined) return failed(pciErrors.dev_not_found);
  switch (request.cmd) {
    case pciCommands.conf_read: {
      const { err, value } = configRead(port, request.offset, request.size);
      return { err, value, vectors: '' };
    }
    case pciCommands.conf_write: {
      const before = context.state.pciback.devices[device]?.enableIntx;
      const { err } = configWrite(port, request.offset, request.size, request.value);
      const after = context.state.pciback.devices[device]?.enableIntx;
      if (err === 0 && before !== after) switchFakeHandler(context, device, after === true);
      return failed(err);
    }
    case pciCommands.enable_msi:
      return enableMsi(context, domid, device);
    case pciCommands.enable_msix:
      return enableMsix(context, domid, device, request.value);
    case pciCommands.disable_msi:
      return disable(context, device, 'msi');
    case pciCommands.disable_msix:
      return disable(context, device, 'msix');
    default:
      return failed(pciErrors.not_implemented);
  }
}

/** A shared handler answers for the guest's interrupt line; not on bridges, nor without an irq. @source facts/dom0 4.8 */
function switchFakeHandler(context: Context, device: Dom0Sbdf, on: boolean): void {
  if ((linuxRead(context, device, 0x0e, 1) & 0x7f) === 1) return;
  if ((linuxDevice(context, device)?.gsi ?? 0) === 0) return;
  patchDevice(context, device, { isrOn: on, ackIntr: on });
}

const interruptPirq = (context: Context, device: Dom0Sbdf): number => linuxDevice(context, device)?.gsi ?? 0;

/** `xen_initdom_setup_msi_irqs`: Dom0 maps on the guest's behalf, so the pirq is the guest's. @source facts/dom0 2.5, 7 */
function mapPirq(
  context: Context,
  device: Dom0Sbdf,
  entry: number,
  tableBase: number,
): { readonly ret: number; readonly pirq: number } {
  const owner = linuxDevice(context, device)?.owner ?? null;
  const answer = enterXen(context, linuxDomain(context), 'physdev_op', 'map_pirq', {
    domid: owner ?? domids.SELF,
    type: 3,
    index: -1,
    pirq: -1,
    bus: ((device >>> 8) & 0xff) | (Math.floor(device / 0x1_0000) << 16),
    devfn: device & 0xff,
    entry_nr: entry,
    table_base: tableBase,
  });
  const pirq = answer.out?.['pirq'];
  if (answer.ret !== 0) {
    const name = isAsReleased(context) ? `pciback ${formatSbdf(device)}: ` : '';
    linuxLog(context, `${name}xen map irq failed ${answer.ret} for ${owner ?? domids.SELF} domain`);
  }
  return { ret: answer.ret, pirq: typeof pirq === 'number' ? pirq : 0 };
}

function enableMsi(context: Context, domid: number, device: Dom0Sbdf): Answer {
  const stub = context.state.pciback.devices[device]!;
  const refuse = (reason: number): Answer => {
    linuxLog(context, `${speaker(context, device)}error enabling MSI for guest ${domid}: err ${reason}`);
    return { err: pciErrors.op_failed, value: 0, vectors: '' };
  };
  if (stub.msi === 'msi') return refuse(-errno.EALREADY);
  if (stub.msi === 'msix') return refuse(-errno.ENXIO);
  const at = findCapability((reg, size) => linuxRead(context, device, reg, size), 0x05);
  if (at === 0) return refuse(-errno.EINVAL);
  const mapped = mapPirq(context, device, 0, 0);
  if (mapped.ret !== 0) return refuse(mapped.ret);
  patchDevice(context, device, { msi: 'msi', ackIntr: false, pirqs: [mapped.pirq] });
  return { err: 0, value: mapped.pirq, vectors: '' };
}

function enableMsix(context: Context, domid: number, device: Dom0Sbdf, count: number): Answer {
  const stub = context.state.pciback.devices[device]!;
  const leak = (err: number): Answer => {
    linuxLog(context, `${speaker(context, device)}error enabling MSI-X for guest ${domid}: err ${err}!`);
    return { err, value: count, vectors: '' };
  };
  if (count > MAX_MSIX_ENTRIES) return leak(-errno.EINVAL);
  if (stub.msi === 'msix') return leak(-errno.EALREADY);
  if ((linuxRead(context, device, 0x04, 2) & 2) === 0 || stub.msi === 'msi') return leak(-errno.ENXIO);
  const read = (reg: number, size: number): number => linuxRead(context, device, reg, size);
  const at = findCapability(read, 0x11);
  if (at === 0) return leak(-errno.EINVAL);
  const table = resourcesOf(context, device)[0x10 + 4 * (read(at + 4, 4) & 7)]?.start ?? 0;
  if (table === 0) return leak(-errno.EINVAL);
  const vectors: number[] = [];
  for (let entry = 0; entry < count; entry++) {
    const mapped = mapPirq(context, device, entry, table);
    if (mapped.ret !== 0) {
      if (isAsReleased(context)) {
        takeBack(context, device, vectors);
        leak(mapped.ret);
      } else linuxLog(context, `${formatSbdf(device)}: ${errnoName(mapped.ret)} at MSI-X entry ${entry}`);
      return { err: mapped.ret, value: (mapped.ret & 0xffff_ffff) >>> 0, vectors: '' };
    }
    vectors.push(mapped.pirq);
  }
  patchDevice(context, device, { msi: 'msix', ackIntr: false, pirqs: vectors });
  return { err: 0, value: 0, vectors: vectors.join(' ') };
}

/** What an allocation that fails half way had goes back: a retry with fewer finds room. @source kernel/irq/msi.c, msi_domain_alloc_locked, v6.1 */
function takeBack(context: Context, device: Dom0Sbdf, pirqs: readonly number[]): void {
  patchDevice(context, device, { pirqs });
  unmapMessages(context, device);
}

/** Recordings of 0.2.0 had lines without the device's name, kept what was mapped and turned off whichever was on. */
const isAsReleased = ({ env }: Context): boolean => hasBehaviour(env.behaviour, 'pciback-as-released');

const speaker = (context: Context, device: Dom0Sbdf): string =>
  `pciback ${formatSbdf(device)}: ${isAsReleased(context) ? 'xen_pciback: ' : ''}`;

/**
 * Never fails; the value is the pirq of the interrupt pin. A request to turn off what is not on changes nothing.
 * @source drivers/xen/xen-pciback/pciback_ops.c (xen_pcibk_disable_msi, xen_pcibk_disable_msix) of v6.1 and v6.12
 */
function disable(context: Context, device: Dom0Sbdf, what: 'msi' | 'msix'): Answer {
  const isOn = context.state.pciback.devices[device]?.msi === what;
  if (!isOn && isAsReleased(context)) return { err: 0, value: interruptPirq(context, device), vectors: '' };
  unmapMessages(context, device);
  patchDevice(context, device, { msi: 'none', ackIntr: true });
  return { err: 0, value: interruptPirq(context, device), vectors: '' };
}
