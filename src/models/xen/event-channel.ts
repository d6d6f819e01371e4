import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { evtchnStatus } from '../../events/abi/event-channel.js';
import type { RecordObject } from '../../events/field.js';
import { PORTS_PER_BUCKET } from '../../state/evtchn.js';
import type { Context } from '../context.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { isHvm, mayTarget, resolveDomain } from './domains.js';
import { eventPortOfPirq } from './event-channel-lookup.js';
import { bindEmulated } from './map-pirq.js';
import { isPermitted } from './permissions.js';
import { irqOfPirq, mayBind } from './pirq.js';
import { EMUIRQ_PASSTHROUGH, nrPirqs } from './x86.js';

const NR_VIRQS = 24;
/** Virtual interrupts that each vCPU has for itself: timer, debug, profiling, PMU. @source xen/include/public/xen.h */
const perVcpu = new Set([0, 1, 7, 13]);
/** Ports of the two ABIs on a 64-bit Xen. @source xen/include/public/xen.h, event_channel.h */
const MAX_PORTS = { twoLevel: 4096, fifo: 131_072 } as const;
const LINK_BITS = 17;
const CONTROL_BLOCK_BYTES = 72;
const LOWEST_PRIORITY = 15;
const WILL_SHARE = 1;

const domainOf = (context: Context, domid: DomainId) => context.state.evtchn[domid];
const channelOf = (context: Context, domid: DomainId, port: number) => domainOf(context, domid)?.ports[port];
const isValid = (context: Context, domid: DomainId, port: number): boolean =>
  port < (domainOf(context, domid)?.valid ?? PORTS_PER_BUCKET);
const vcpusOf = (context: Context, domid: DomainId): number => context.state.ioreq[domid]?.vcpus ?? 1;

/** Whether Xen itself listens on a channel of the domain: those of its IOREQ servers. The domain may not touch them. */
const isXens = (context: Context, domid: DomainId, port: number): boolean =>
  context.state.ioreq[domid]?.usedPorts[port] !== undefined;

/** The lowest free port, which is never 0. @source xen/common/event_channel.c (get_free_port) */
function freePort(context: Context, domid: DomainId): number {
  const domain = domainOf(context, domid);
  const most = domain?.fifo === true ? MAX_PORTS.fifo : MAX_PORTS.twoLevel;
  for (let port = 1; port < most; port++) if (domain?.ports[port] === undefined) return port;
  return -errno.ENOSPC;
}

interface Opening {
  readonly state: string;
  readonly remote?: DomainId;
  readonly remotePort?: number;
  readonly number?: number;
  readonly vcpu?: number;
}

function open(context: Context, domid: DomainId, port: number, opening: Opening): void {
  context.emit('xen', 'evtchn.opened', {
    domid,
    port,
    state: opening.state,
    remote: opening.remote ?? null,
    remotePort: opening.remotePort ?? null,
    number: opening.number ?? null,
    vcpu: opening.vcpu ?? 0,
  });
}

const allocUnbound: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'dom'));
  if (domid === null) return { ret: -errno.ESRCH };
  const port = freePort(context, domid);
  if (port < 0) return { ret: port };
  if (!mayTarget(context, caller, domid)) return { ret: -errno.EPERM };
  const asked = argNumber(args, 'remote_dom');
  const remote = (asked === 0x7ff0 ? caller : asked & 0xffff) as DomainId;
  open(context, domid, port, { state: 'unbound', remote });
  return { ret: 0, out: { dom: argNumber(args, 'dom'), remote_dom: asked, port } };
};

const bindInterdomain: HypercallHandler = (context, { caller, args }) => {
  const remote = resolveDomain(context, caller, argNumber(args, 'remote_dom'));
  if (remote === null) return { ret: -errno.ESRCH };
  const port = freePort(context, caller);
  if (port < 0) return { ret: port };
  const remotePort = argNumber(args, 'remote_port');
  const there = channelOf(context, remote, remotePort);
  if (there?.state !== 'unbound' || there.remote !== caller) return { ret: -errno.EINVAL };
  open(context, caller, port, { state: 'interdomain', remote, remotePort });
  const { vcpu } = there;
  open(context, remote, remotePort, { state: 'interdomain', remote: caller, remotePort: port, vcpu });
  // A notification of the unbound port may have been lost, so one is always set.
  context.emit('xen', 'evtchn.notified', { domid: caller, port });
  return {
    ret: 0,
    out: { remote_dom: argNumber(args, 'remote_dom'), remote_port: remotePort, local_port: port },
  };
};

const bindVirq: HypercallHandler = (context, { caller, args }) => {
  const virq = argNumber(args, 'virq');
  const vcpu = argNumber(args, 'vcpu');
  if (virq >= NR_VIRQS) return { ret: -errno.EINVAL };
  if (!perVcpu.has(virq) && vcpu !== 0) return { ret: -errno.EINVAL };
  if (vcpu >= vcpusOf(context, caller)) return { ret: -errno.ENOENT };
  const ports = Object.values(domainOf(context, caller)?.ports ?? {});
  if (ports.some((channel) => channel.state === 'virq' && channel.number === virq && channel.vcpu === vcpu))
    return { ret: -errno.EEXIST };
  const port = freePort(context, caller);
  if (port < 0) return { ret: port };
  open(context, caller, port, { state: 'virq', number: virq, vcpu });
  return { ret: 0, out: { virq, vcpu, port } };
};

const bindIpi: HypercallHandler = (context, { caller, args }) => {
  const vcpu = argNumber(args, 'vcpu');
  if (vcpu >= vcpusOf(context, caller)) return { ret: -errno.ENOENT };
  const port = freePort(context, caller);
  if (port < 0) return { ret: port };
  open(context, caller, port, { state: 'ipi', vcpu });
  return { ret: 0, out: { vcpu, port } };
};

/** x86 only: a PV domain gets the interrupt itself, an HVM domain only its event. */
const bindPirq: HypercallHandler = (context, { caller, args }) => {
  if (context.env.platform.arch === 'arm64') return { ret: -errno.EOPNOTSUPP };
  const pirq = argNumber(args, 'pirq');
  const flags = argNumber(args, 'flags');
  if (pirq >= nrPirqs(context.state, context.env, caller)) return { ret: -errno.EINVAL };
  const irq = irqOfPirq(context, caller, pirq);
  const isTranslated = isHvm(context, caller);
  if (!isTranslated && !isPermitted(context, caller, 'irq', irq)) return { ret: -errno.EPERM };
  if (eventPortOfPirq(context, caller, pirq) !== null) return { ret: -errno.EEXIST };
  const port = freePort(context, caller);
  if (port < 0) return { ret: port };
  const shares = (flags & WILL_SHARE) !== 0;
  if (!isTranslated) {
    const may = mayBind(context, irq, shares);
    if (may !== 0) return { ret: may };
    const nothing = { device: null, intx: null, gvec: null, gflags: null };
    context.emit('xen', 'pirq.bound', { domid: caller, pirq, irq, as: 'event', shares, ...nothing });
  } else if (irq > 0) bindEmulated(context, caller, pirq, EMUIRQ_PASSTHROUGH);
  open(context, caller, port, { state: 'pirq', number: pirq });
  return { ret: 0, out: { pirq, flags, port } };
};

const close: HypercallHandler = (context, { caller, args }) => ({
  ret: closePort(context, caller, argNumber(args, 'port')),
});

function closePort(context: Context, domid: DomainId, port: number): number {
  const channel = channelOf(context, domid, port);
  if (channel === undefined || isXens(context, domid, port)) return -errno.EINVAL;
  const { state, remote, remotePort, number } = channel;
  context.emit('xen', 'evtchn.closed', { domid, port });
  if (state === 'interdomain' && remote !== null && remotePort !== null) {
    const there = channelOf(context, remote, remotePort);
    if (there !== undefined)
      open(context, remote, remotePort, { state: 'unbound', remote: domid, vcpu: there.vcpu });
  }
  if (state === 'pirq' && number !== null) releasePirq(context, domid, number);
  return 0;
}

/** The interrupt of a closed channel: unbound, and gone for good when it was unmapped meanwhile. */
function releasePirq(context: Context, domid: DomainId, pirq: number): void {
  const irq = irqOfPirq(context, domid, pirq);
  if (isHvm(context, domid)) {
    if ((context.state.irq.domains[domid]?.pirqs[pirq]?.emuirq ?? null) !== null && irq > 0)
      context.emit('xen', 'pirq.emuirq', { domid, pirq, emuirq: null });
    return;
  }
  if (irq > 0) context.emit('xen', 'pirq.unbound', { domid, pirq, irq, device: null, intx: null });
  else if (irq < -1) context.emit('xen', 'pirq.unmapped', { domid, pirq, forced: false });
}

/** An unbound channel drops the event silently. */
const send: HypercallHandler = (context, { caller, args }) => {
  const port = argNumber(args, 'port');
  const channel = channelOf(context, caller, port);
  if (isXens(context, caller, port)) return { ret: -errno.EINVAL };
  switch (channel?.state) {
    case 'interdomain':
      context.emit('xen', 'evtchn.notified', { domid: channel.remote!, port: channel.remotePort! });
      return { ret: 0 };
    case 'ipi':
      context.emit('xen', 'evtchn.notified', { domid: caller, port });
      return { ret: 0 };
    case 'unbound':
      return { ret: 0 };
    default:
      return { ret: -errno.EINVAL };
  }
};

const status: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'dom'));
  if (domid === null) return { ret: -errno.ESRCH };
  const port = argNumber(args, 'port');
  if (!isValid(context, domid, port)) return { ret: -errno.EINVAL };
  if (!mayTarget(context, caller, domid)) return { ret: -errno.EPERM };
  const head = { dom: argNumber(args, 'dom'), port };
  const channel = channelOf(context, domid, port);
  if (channel === undefined) return { ret: 0, out: { ...head, status: evtchnStatus.closed, vcpu: 0 } };
  const more: Record<string, RecordObject> = {
    unbound: { unbound_dom: channel.remote },
    interdomain: { interdomain_dom: channel.remote, interdomain_port: channel.remotePort },
    pirq: { pirq: channel.number },
    virq: { virq: channel.number },
  };
  const code = evtchnStatus[channel.state as keyof typeof evtchnStatus];
  return { ret: 0, out: { ...head, status: code, vcpu: channel.vcpu, ...more[channel.state] } };
};

const bindVcpu: HypercallHandler = (context, { caller, args }) => {
  const vcpu = argNumber(args, 'vcpu');
  const port = argNumber(args, 'port');
  if (vcpu >= vcpusOf(context, caller)) return { ret: -errno.ENOENT };
  const channel = channelOf(context, caller, port);
  const isFixed = channel?.state === 'ipi' || (channel?.state === 'virq' && perVcpu.has(channel.number ?? 0));
  if (channel === undefined || isFixed || isXens(context, caller, port)) return { ret: -errno.EINVAL };
  if (channel.vcpu !== vcpu) context.emit('xen', 'evtchn.moved', { domid: caller, port, vcpu });
  return { ret: 0 };
};

const unmask: HypercallHandler = (context, { caller, args }) => ({
  ret: isValid(context, caller, argNumber(args, 'port')) ? 0 : -errno.EINVAL,
});

/** Closes all channels; another domain's only while that one is paused, which is not modelled: its own only. */
const reset: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'dom'));
  if (domid === null) return { ret: -errno.ESRCH };
  if (!mayTarget(context, caller, domid)) return { ret: -errno.EPERM };
  if (domid !== caller) return { ret: -errno.EINVAL };
  for (const port of Object.keys(domainOf(context, domid)?.ports ?? {}))
    closePort(context, domid, Number(port));
  return { ret: 0 };
};

const initControl: HypercallHandler = (context, { caller, args }) => {
  const vcpu = argNumber(args, 'vcpu');
  const offset = argNumber(args, 'offset');
  if (vcpu >= vcpusOf(context, caller)) return { ret: -errno.ENOENT };
  if (offset > 4096 - CONTROL_BLOCK_BYTES || offset % 8 !== 0) return { ret: -errno.EINVAL };
  if (domainOf(context, caller)?.fifo !== true) context.emit('xen', 'evtchn.fifo', { domid: caller });
  return { ret: 0, out: { control_gfn: args['control_gfn'] ?? 0, offset, vcpu, link_bits: LINK_BITS } };
};

const expandArray: HypercallHandler = (context, { caller }) => ({
  ret: domainOf(context, caller)?.fifo === true ? 0 : -errno.EOPNOTSUPP,
});

/** The two-level ABI has no priorities. */
const setPriority: HypercallHandler = (context, { caller, args }) => {
  const port = argNumber(args, 'port');
  const priority = argNumber(args, 'priority');
  if (!isValid(context, caller, port)) return { ret: -errno.EINVAL };
  if (domainOf(context, caller)?.fifo !== true) return { ret: -errno.ENOSYS };
  if (priority > LOWEST_PRIORITY) return { ret: -errno.EINVAL };
  context.emit('xen', 'evtchn.prioritised', { domid: caller, port, priority });
  return { ret: 0 };
};

/** `event_channel_op` sub-operations. @source facts/xen 1.2; xen/common/event_channel.c, event_fifo.c */
export const eventChannelOperations: OperationTable = {
  bind_interdomain: bindInterdomain,
  bind_virq: bindVirq,
  bind_pirq: bindPirq,
  close,
  send,
  status,
  alloc_unbound: allocUnbound,
  bind_ipi: bindIpi,
  bind_vcpu: bindVcpu,
  unmask,
  reset,
  init_control: initControl,
  expand_array: expandArray,
  set_priority: setPriority,
};
