import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { mapPirqType } from '../../events/abi/physdev.js';
import type { XenSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { isHvm } from './domains.js';
import { mayGrant } from './driver-domain.js';
import { disableMsi, enableMsi, type MsiRequest, msiOf } from './msi.js';
import { grant, revoke } from './permissions.js';
import { nrGsis, nrPirqs, x86Facts } from './x86.js';

/** A multi-message MSI has at most this many vectors. @source xen/arch/x86/irq.c (MAX_MSI_IRQS) */
const MAX_MSI_IRQS = 32;

/** The machine interrupt behind a pirq: 0 none, negative reserved or being torn down. */
export const irqOfPirq = (context: Context, domid: DomainId, pirq: number): number =>
  context.state.irq.domains[domid]?.pirqs[pirq]?.irq ?? 0;

/** The pirq a domain has for a machine interrupt: 0 none, negative while a forced unmap is pending. */
const pirqOfIrq = (context: Context, domid: DomainId, irq: number): number =>
  context.state.irq.domains[domid]?.pirqOf[irq] ?? 0;

/** Whether the domain has a record of that pirq at all. */
export const hasPirq = (context: Context, domid: DomainId, pirq: number): boolean =>
  context.state.irq.domains[domid]?.pirqs[pirq] !== undefined;

function isFree(context: Context, domid: DomainId, pirq: number): boolean {
  const info = context.state.irq.domains[domid]?.pirqs[pirq];
  return info === undefined || (info.irq === 0 && (!isHvm(context, domid) || info.emuirq === null));
}

/**
 * `get_free_pirq`: GSIs upward from 16, then, and for MSI always, downward from the top. @source facts/xen 2.3
 * @cost O(pirqs of the domain).
 */
export function freePirq(context: Context, domid: DomainId, type: number): number {
  const gsis = nrGsis(context.env);
  if (type === mapPirqType.GSI) {
    for (let pirq = 16; pirq < gsis; pirq++) if (isFree(context, domid, pirq)) return pirq;
  }
  for (let pirq = nrPirqs(context.state, context.env, domid) - 1; pirq >= gsis; pirq--)
    if (isFree(context, domid, pirq)) return pirq;
  return -errno.ENOSPC;
}

/** `get_free_pirqs`: the highest contiguous run of `count`, its lowest number. @source facts/xen 2.3 */
function freeRun(context: Context, domid: DomainId, count: number): number {
  let found = 0;
  for (let pirq = nrPirqs(context.state, context.env, domid) - 1; pirq >= nrGsis(context.env); pirq--) {
    found = isFree(context, domid, pirq) ? found + 1 : 0;
    if (found === count) return pirq;
  }
  return -errno.ENOSPC;
}

/** What a mapping attempt came to; `vectors` is what a multi-message caller finds in `entry_nr`. */
export interface Mapped {
  readonly ret: number;
  readonly pirq: number;
  readonly vectors: number;
}

/** `allocate_pirq`: the pirq to use, or a negative errno. @source facts/xen 2.3, xen/arch/x86/irq.c */
function choosePirq(
  context: Context,
  domid: DomainId,
  wanted: number,
  irq: number,
  type: number,
  vectors: number,
): Mapped {
  const current = pirqOfIrq(context, domid, irq);
  const result = (pirq: number, count = vectors): Mapped => ({
    ret: Math.min(pirq, 0),
    pirq,
    vectors: count,
  });
  if (wanted >= 0) return current !== 0 && wanted !== current ? result(-errno.EEXIST) : result(wanted);
  if (current !== 0) return current < 0 ? result(-errno.EBUSY) : result(current);
  if (type !== mapPirqType.MULTI_MSI) return result(freePirq(context, domid, type));
  if (vectors <= 0 || vectors > MAX_MSI_IRQS) return result(-errno.EDOM);
  if (vectors !== 1 && !x86Facts(context.env).interruptRemapping) return result(-errno.EOPNOTSUPP);
  let count = 1;
  while (count < vectors) count *= 2;
  const pirq = freeRun(context, domid, count);
  if (pirq >= 0) return result(pirq, count);
  do count >>= 1;
  while (count > 1 && freeRun(context, domid, count) <= 0);
  return result(-errno.ENOSPC, count);
}

/** `allocate_and_map_gsi_pirq`. @source facts/xen 2.3 */
export function mapGsi(
  context: Context,
  caller: DomainId,
  domid: DomainId,
  index: number,
  wanted: number,
): Mapped {
  const fail = (ret: number): Mapped => ({ ret, pirq: wanted, vectors: 0 });
  if (index < 0 || index >= nrGsis(context.env)) return fail(-errno.EINVAL);
  let irq = irqOfPirq(context, caller, index);
  if (irq <= 0) {
    if (context.state.domains[caller]?.hardware !== true) return fail(-errno.EINVAL);
    irq = index;
  }
  const chosen = choosePirq(context, domid, wanted, irq, mapPirqType.GSI, 0);
  if (chosen.ret < 0) return fail(chosen.ret);
  const ret = connect(context, caller, domid, chosen.pirq, irq);
  return { ret: Math.min(ret, 0), pirq: ret < 0 ? wanted : chosen.pirq, vectors: 0 };
}

/** `allocate_and_map_msi_pirq`. @source facts/xen 2.3 */
export function mapMsi(
  context: Context,
  caller: DomainId,
  domid: DomainId,
  index: number,
  wanted: number,
  type: number,
  request: MsiRequest,
): Mapped {
  const isMulti = type === mapPirqType.MULTI_MSI;
  const asked = isMulti ? request.entry : 1;
  const isNew = isMulti || index === -1;
  const irq = isNew ? createIrq(context, caller) : index;
  if (irq < nrGsis(context.env) || irq >= x86Facts(context.env).nrIrqs)
    return { ret: -errno.EINVAL, pirq: wanted, vectors: asked };
  const chosen = choosePirq(context, domid, wanted, irq, type, asked);
  if (chosen.ret < 0) {
    if (isNew) destroyIrq(context, irq);
    return { ret: chosen.ret, pirq: wanted, vectors: chosen.vectors };
  }
  const done = connectMsi(context, caller, domid, chosen, irq, type, request);
  if (done.ret !== 0 && isNew) destroyIrq(context, irq);
  return { ...done, pirq: done.ret === 0 ? chosen.pirq : wanted };
}

/** `create_irq`: the lowest unused machine interrupt above the GSIs; its maker may use it. */
function createIrq(context: Context, maker: DomainId): number {
  const { nrIrqs } = x86Facts(context.env);
  const { created } = context.state.irq;
  for (let irq = nrGsis(context.env); irq < nrIrqs; irq++) {
    if (created[irq] !== undefined) continue;
    context.emit('xen', 'irq.created', { irq, domid: maker });
    grant(context, maker, 'irq', irq);
    return irq;
  }
  return -errno.ENOSPC;
}

function destroyIrq(context: Context, irq: number): void {
  const maker = context.state.irq.created[irq];
  if (maker === undefined) return;
  revoke(context, maker, 'irq', irq);
  context.emit('xen', 'irq.destroyed', { irq });
}

/**
 * The first half of `map_domain_pirq`: 1 when the pair is taken otherwise (Xen only warns and answers 0), 0 when it
 * may be made, or a negative errno.
 */
function mayConnect(context: Context, caller: DomainId, domid: DomainId, pirq: number, irq: number): number {
  if (!mayGrant(context, caller, 'irq', irq)) return -errno.EPERM;
  if (pirq < 0 || pirq >= nrPirqs(context.state, context.env, domid)) return -errno.EINVAL;
  if (irq <= 0 || irq >= x86Facts(context.env).nrIrqs) return -errno.EINVAL;
  const oldIrq = irqOfPirq(context, domid, pirq);
  const oldPirq = pirqOfIrq(context, domid, irq);
  return (oldIrq > 0 && oldIrq !== irq) || (oldPirq !== 0 && oldPirq !== pirq) ? 1 : 0;
}

function connect(context: Context, caller: DomainId, domid: DomainId, pirq: number, irq: number): number {
  const may = mayConnect(context, caller, domid, pirq, irq);
  if (may !== 0) return may;
  grant(context, domid, 'irq', irq);
  if (irqOfPirq(context, domid, pirq) !== irq) context.emit('xen', 'pirq.mapped', { domid, pirq, irq });
  return 0;
}

function connectMsi(
  context: Context,
  caller: DomainId,
  domid: DomainId,
  { pirq, vectors }: Mapped,
  irq: number,
  type: number,
  request: MsiRequest,
): Mapped {
  const done = (ret: number, count = vectors): Mapped => ({ ret, pirq, vectors: count });
  const may = mayConnect(context, caller, domid, pirq, irq);
  if (may !== 0) return done(Math.min(may, 0));
  const device = context.state.xen.devices[request.name];
  if (device === undefined || device.owner !== domid) return done(-errno.ENODEV);
  const enabled = enableMsi(context, caller, request, irq, type === mapPirqType.MULTI_MSI ? vectors : 1);
  if (enabled > 0) return done(-errno.ENFILE, enabled);
  if (enabled < 0) return done(enabled);
  for (let i = 0; i < (type === mapPirqType.MULTI_MSI ? vectors : 1); i++) {
    const machine = i === 0 ? irq : createIrq(context, caller);
    if (machine < 0) {
      takeBack(context, domid, pirq, i, request.name, irq);
      return done(machine);
    }
    grant(context, domid, 'irq', machine);
    context.emit('xen', 'pirq.mapped', { domid, pirq: pirq + i, irq: machine });
  }
  return done(0);
}

/** Undoes a multi-message mapping that ran out of machine interrupts half way. */
function takeBack(
  context: Context,
  domid: DomainId,
  pirq: number,
  count: number,
  name: XenSbdf,
  first: number,
): void {
  disableMsi(context, name, first);
  for (let i = count - 1; i >= 0; i--) {
    const irq = irqOfPirq(context, domid, pirq + i);
    context.emit('xen', 'pirq.unmapped', { domid, pirq: pirq + i, forced: false });
    revoke(context, domid, 'irq', irq);
    if (i > 0) destroyIrq(context, irq);
  }
}

/** `unmap_domain_pirq`. @source facts/xen 2.3, xen/arch/x86/irq.c */
export function unmapPirq(context: Context, domid: DomainId, pirq: number): number {
  if (pirq < 0 || pirq >= nrPirqs(context.state, context.env, domid)) return -errno.EINVAL;
  const irq = irqOfPirq(context, domid, pirq);
  if (irq <= 0) return -errno.EINVAL;
  const msi = msiOf(context, irq);
  // The second and later vectors of a multi-message MSI go with the first.
  if (msi !== null && msi.entry.type === 'msi' && msi.entry.irq !== irq) return -errno.EBUSY;
  const isBound = context.state.irq.guests[irq]?.includes(domid) === true;
  if (isBound) context.emit('xen', 'pirq.unbound', { domid, pirq, irq, device: null, intx: null });
  if (msi !== null) disableMsi(context, msi.name, irq);
  for (let i = 0; i < (msi?.entry.vectors ?? 1); i++) {
    const machine = irqOfPirq(context, domid, pirq + i);
    if (machine <= 0) continue;
    context.emit('xen', 'pirq.unmapped', { domid, pirq: pirq + i, forced: isBound });
    revoke(context, domid, 'irq', machine);
    if (msi !== null) destroyIrq(context, machine);
  }
  return 0;
}

/** `irq-max-guests`. @source facts/xen 12.2 */
const MAX_SHARERS = 32;

/**
 * `pirq_guest_bind`: Xen's own interrupts, ones whose guests do not share, and ones at their share limit are busy.
 * @source facts/xen 10.3, xen/arch/x86/irq.c
 */
export function mayBind(context: Context, irq: number, shares: boolean): number {
  if (irq <= 0) return -errno.EINVAL;
  const { guests, exclusive } = context.state.irq;
  if (x86Facts(context.env).ownIrqs.includes(irq)) return -errno.EBUSY;
  const sharers = guests[irq] ?? [];
  if (sharers.length === 0) return 0;
  return !shares || exclusive[irq] === true || sharers.length >= MAX_SHARERS ? -errno.EBUSY : 0;
}

/** All of a domain's pirqs, when it ends. */
export function unmapAllPirqs(context: Context, domid: DomainId): void {
  const pirqs = Object.keys(context.state.irq.domains[domid]?.pirqs ?? {}).map(Number);
  for (const pirq of pirqs) unmapPirq(context, domid, pirq);
}
