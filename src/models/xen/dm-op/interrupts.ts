import type { DomainId } from '../../../base/brand.js';
import { words } from '../../../events/abi/struct.js';
import type { Context } from '../../context.js';
import { type Answer, argNumber } from '../../hypercall.js';
import { eventPortOfPirq } from '../event-channel-lookup.js';
import { guestGsi } from '../map-pirq.js';
import { nrPirqs } from '../x86.js';
import { type DmCall, type DmOperation, type DmOperations, done, fail, padded } from './call.js';

const x86 = (run: DmOperation['run']): DmOperation => ({ arch: 'x86', run });

/** Moves a line; a line already at that level says nothing. */
function setLine(
  context: Context,
  call: DmCall,
  line: 'intx' | 'isa' | 'spi',
  index: number,
  level: number,
  gsi: number | null,
): Answer {
  if ((call.guest[line][index] === true) !== (level === 1))
    context.emit('xen', 'line.changed', { domid: call.domid, line, index, level: level === 1, gsi });
  return done;
}

function setIntx(context: Context, call: DmCall): Answer {
  const device = argNumber(call.args, 'device');
  const intx = argNumber(call.args, 'intx');
  const level = argNumber(call.args, 'level');
  if (argNumber(call.args, 'domain') !== 0 || argNumber(call.args, 'bus') !== 0) return fail('EINVAL');
  if (device > 31 || intx > 3 || level > 1) return fail('EINVAL');
  return setLine(context, call, 'intx', device * 4 + intx, level, guestGsi(device, intx));
}

/** Moves a pin of a function on the guest's root bus, as a device model would with set_pci_intx_level. */
export function setIntxLine(
  context: Context,
  domid: DomainId,
  device: number,
  intx: number,
  level: boolean,
): void {
  const index = device * 4 + intx;
  if ((context.state.ioreq[domid]?.intx[index] === true) === level) return;
  context.emit('xen', 'line.changed', { domid, line: 'intx', index, level, gsi: guestGsi(device, intx) });
}

function setIsa(context: Context, call: DmCall): Answer {
  const irq = argNumber(call.args, 'isa_irq');
  const level = argNumber(call.args, 'level');
  if (irq >= 16 || level > 1) return fail('EINVAL');
  return setLine(context, call, 'isa', irq, level, null);
}

function setLink(context: Context, call: DmCall): Answer {
  const link = argNumber(call.args, 'link');
  const isaIrq = argNumber(call.args, 'isa_irq');
  if (link > 3 || isaIrq >= 16) return fail('EINVAL');
  if (call.guest.links[link] !== isaIrq)
    context.emit('xen', 'link.routed', { domid: call.domid, link, isaIrq });
  return done;
}

/** Interrupts of an ARM guest that have no hardware behind them; `allocated` ones cannot be seen from here. */
const FIRST_SPI = 32;
const GIC_IRQS = 1020;

function setSpi(context: Context, call: DmCall): Answer {
  const irq = argNumber(call.args, 'irq');
  const level = argNumber(call.args, 'level');
  if (irq < FIRST_SPI || irq >= GIC_IRQS || level > 1 || padded(call.args, 'pad')) return fail('EINVAL');
  return setLine(context, call, 'spi', irq, level, null);
}

function injectEvent(context: Context, call: DmCall): Answer {
  const vcpu = argNumber(call.args, 'vcpuid');
  if (padded(call.args, 'pad0', 'pad1') || vcpu >= call.guest.vcpus) return fail('EINVAL');
  if (call.guest.injected[vcpu] === true) return fail('EBUSY');
  context.emit('xen', 'event.injected', {
    domid: call.domid,
    vcpu,
    vector: argNumber(call.args, 'vector'),
    type: argNumber(call.args, 'type'),
    errorCode: argNumber(call.args, 'error_code'),
  });
  return done;
}

const FIXED = 0;
const LOWEST_PRIORITY = 1;

/**
 * Delivers an MSI message to the guest. Destinations are matched against the ids a guest's LAPICs have after reset
 * (2 * vCPU) in physical mode, and against one bit per vCPU, as guests set flat mode up, in logical mode.
 * @source facts/xen 6.3
 */
function injectMsi(context: Context, call: DmCall): Answer {
  if (padded(call.args, 'pad')) return fail('EINVAL');
  const data = argNumber(call.args, 'data');
  const [low, high] = words(call.args['addr']);
  const dest = (low >>> 12) & 0xff;
  if ((data & 0xff) === 0) return injectPirq(context, call, (high & 0xffff_ff00) | dest);
  return deliverMessage(context, call.domid, call.guest, { low, high, data });
}

/** A message as a function sends it: address in two halves, data. */
export interface MsiMessage {
  readonly low: number;
  readonly high: number;
  readonly data: number;
}

/** Brings a message with a vector to the guest's local APICs. */
export function deliverMessage(
  context: Context,
  domid: DomainId,
  { vcpus }: Pick<DmCall['guest'], 'vcpus'>,
  { low, data }: MsiMessage,
): Answer {
  const dest = (low >>> 12) & 0xff;
  const vector = data & 0xff;
  const delivery = (data >>> 8) & 7;
  if (delivery !== FIXED && delivery !== LOWEST_PRIORITY) {
    context.emit('xen', 'msi.dropped', { reason: `Unsupported MSI delivery mode ${delivery}` });
    return fail('EINVAL');
  }
  const logical = (low & 4) !== 0;
  let receivers = 0;
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    const matches = logical ? vcpu < 8 && (dest & (1 << vcpu)) !== 0 : dest === 0xff || dest === vcpu * 2;
    if (matches) receivers += 1;
  }
  if (receivers === 0) {
    context.emit('xen', 'msi.dropped', { reason: 'no virtual CPU has the destination' });
    return delivery === LOWEST_PRIORITY ? fail('ESRCH') : done;
  }
  context.emit('xen', 'msi.delivered', {
    domid,
    intid: null,
    vector,
    event: null,
    function: null,
    driver: null,
    claimant: null,
  });
  return done;
}

const EMUIRQ_MSI = -3;

/** The event-channel path of PV drivers on HVM: the destination bits name a pirq, mapped on first use. */
function injectPirq(context: Context, call: DmCall, bits: number): Answer {
  const pirq = bits >>> 0;
  const { domid } = call;
  if (pirq === 0) return fail('ERANGE');
  const emuirq = context.state.irq.domains[domid]?.pirqs[pirq]?.emuirq ?? null;
  if (emuirq === null) {
    if (pirq >= nrPirqs(context.state, context.env, domid)) return fail('EINVAL');
    context.emit('xen', 'pirq.emulated', { domid, pirq });
  } else if (emuirq !== EMUIRQ_MSI) return fail('EINVAL');
  const port = eventPortOfPirq(context, domid, pirq);
  if (port === null) context.emit('xen', 'msi.dropped', { reason: 'the pirq is bound to no event channel' });
  else context.emit('xen', 'evtchn.notified', { domid, port });
  return done;
}

/** Operations that raise interrupts. @source facts/xen 4.2 */
export const interruptOps = {
  set_pci_intx_level: x86(setIntx),
  set_isa_irq_level: x86(setIsa),
  set_pci_link_route: x86(setLink),
  inject_event: x86(injectEvent),
  inject_msi: x86(injectMsi),
  set_irq_level: { arch: 'arm', run: setSpi },
} satisfies DmOperations;
