import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { errno } from '../../base/errno.js';
import { mapPirqType } from '../../events/abi/physdev.js';
import { bdf, sbdf, type XenSbdf } from '../../pci/sbdf.js';
import { has } from '../../policy/has.js';
import type { Context } from '../context.js';
import { type Answer, argNumber, type HypercallHandler } from '../hypercall.js';
import { hasPirqFeature, mayActAsDeviceModel, resolveDomain } from './domains.js';
import { mayManageDevices } from './driver-domain.js';
import { freePirq, irqOfPirq, type Mapped, mapGsi, mapMsi, unmapPirq } from './pirq.js';
import { EMUIRQ_PASSTHROUGH, HVM_GSIS, nrPirqs } from './x86.js';

/** PHYSDEVOP_map_pirq: the structure goes back to the caller even when the mapping fails. @source facts/xen 2.3 */
export const mapPirq: HypercallHandler = (context, { caller, args }) => {
  const asked = argNumber(args, 'type');
  const bus = argNumber(args, 'bus');
  const takesSegment = asked === mapPirqType.MSI_SEG || asked === mapPirqType.MULTI_MSI;
  const tableBase = argNumber(args, 'table_base');
  if (asked === mapPirqType.MULTI_MSI && tableBase !== 0) return { ret: -errno.EINVAL };
  const type = asked === mapPirqType.MSI_SEG ? mapPirqType.MSI : asked;
  const devfn = argNumber(args, 'devfn');
  const name = sbdf<XenSbdf>(
    takesSegment ? (bus >>> 16) & 0xffff : 0,
    bdf(bus & 0xff, (devfn >>> 3) & 0x1f, devfn & 7),
  );
  const index = argNumber(args, 'index');
  const wanted = argNumber(args, 'pirq');
  const back = ({ ret, pirq, vectors }: Mapped): Answer => ({
    ret,
    out: {
      domid: argNumber(args, 'domid'),
      type,
      index,
      pirq,
      bus,
      devfn,
      entry_nr: type === mapPirqType.MULTI_MSI ? vectors : argNumber(args, 'entry_nr'),
      table_base: args['table_base'] ?? 0,
    },
  });
  const refused = (ret: number): Answer => back({ ret, pirq: wanted, vectors: argNumber(args, 'entry_nr') });
  const domid = resolveDomain(context, caller, argNumber(args, 'domid'));
  if (domid === null) return refused(-errno.ESRCH);
  if (isOwnEmulated(context, caller, argNumber(args, 'domid')))
    return back(mapEmulated(context, caller, type, index, wanted));
  if (!mayActAsDeviceModel(context, caller, domid) && !mayManageDevices(context, caller))
    return refused(-errno.EPERM);
  switch (type) {
    case mapPirqType.GSI:
      return back(mapGsi(context, caller, domid, index, wanted));
    case mapPirqType.MSI:
    case mapPirqType.MULTI_MSI:
      return back(
        mapMsi(context, caller, domid, index, wanted, type, {
          name,
          entry: argNumber(args, 'entry_nr'),
          tableBase,
        }),
      );
    default:
      return refused(-errno.EINVAL);
  }
};

/**
 * Whether an HVM domain speaks of its own interrupts. Before 4.19 only DOMID_SELF says so: under its own number it is
 * asked for the privilege of a device model.
 * @source xen/arch/x86/physdev.c (physdev_map_pirq, physdev_unmap_pirq) at RELEASE-4.17.0, RELEASE-4.19.0
 */
function isOwnEmulated(context: Context, caller: DomainId, domid: number): boolean {
  const byNumber = has(context.env, 'map-pirq-own-number');
  return (domid === domids.SELF || (byNumber && domid === caller)) && hasPirqFeature(context, caller);
}

/** An HVM guest asks for one of its own GSIs: a passed-through device's interrupt or an emulated one. @source facts/xen 2.3 */
function mapEmulated(context: Context, domid: DomainId, type: number, index: number, wanted: number): Mapped {
  const fail = (ret: number): Mapped => ({ ret, pirq: wanted, vectors: 0 });
  if (type !== mapPirqType.GSI || index < 0 || index >= HVM_GSIS) return fail(-errno.EINVAL);
  const machine = machineGsi(context, domid, index);
  if (machine !== null) return { ret: 0, pirq: machine, vectors: 0 };
  const pirq = wanted < 0 ? freePirq(context, domid, mapPirqType.GSI) : wanted;
  const ret = bindEmulated(context, domid, pirq, index);
  return { ret, pirq, vectors: 0 };
}

/** The pirq whose INTx drives that guest GSI; the last bound wins. */
function machineGsi(context: Context, domid: DomainId, gsi: number): number | null {
  const bindings = context.state.irq.domains[domid]?.bindings ?? {};
  let found: number | null = null;
  for (const [pirq, { lines }] of Object.entries(bindings))
    if (lines.some((line) => guestGsi(line.device, line.intx) === gsi)) found = Number(pirq);
  return found;
}

/** Guest GSI of a slot's pin. @source facts/xen 6.2 */
export const guestGsi = (device: number, intx: number): number =>
  ((device * 4 + (device >>> 3) + intx) % 32) + 16;

/** `map_domain_emuirq_pirq`: a pair taken otherwise is only warned about. */
export function bindEmulated(context: Context, domid: DomainId, pirq: number, emuirq: number): number {
  if (pirq < 0 || pirq >= nrPirqs(context.state, context.env, domid)) return -errno.EINVAL;
  const pirqs = context.state.irq.domains[domid]?.pirqs ?? {};
  const old = pirqs[pirq]?.emuirq ?? null;
  const holder =
    emuirq === EMUIRQ_PASSTHROUGH
      ? undefined
      : Object.keys(pirqs).find((key) => pirqs[Number(key)]?.emuirq === emuirq);
  if ((old !== null && old !== emuirq) || (holder !== undefined && Number(holder) !== pirq)) return 0;
  if (old !== emuirq) context.emit('xen', 'pirq.emuirq', { domid, pirq, emuirq });
  return 0;
}

/** PHYSDEVOP_unmap_pirq. @source facts/xen 2.3 */
export const unmapPirqOperation: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'domid'));
  if (domid === null) return { ret: -errno.ESRCH };
  const pirq = argNumber(args, 'pirq');
  const isOwn = isOwnEmulated(context, caller, argNumber(args, 'domid'));
  if (!isOwn && !mayActAsDeviceModel(context, caller, domid) && !mayManageDevices(context, caller))
    return { ret: -errno.EPERM };
  if (hasPirqFeature(context, domid)) {
    if ((context.state.irq.domains[domid]?.pirqs[pirq]?.emuirq ?? null) !== null)
      context.emit('xen', 'pirq.emuirq', { domid, pirq, emuirq: null });
    if (isOwn) return { ret: 0 };
  }
  return { ret: unmapPirq(context, domid, pirq) };
};

/** PHYSDEVOP_get_free_pirq: reserves a number of the caller's own. @source facts/xen 2.1 */
export const getFreePirq: HypercallHandler = (context, { caller, args }) => {
  const type = argNumber(args, 'type');
  const pirq = freePirq(context, caller, type);
  if (pirq < 0) return { ret: pirq };
  context.emit('xen', 'pirq.allocated', { domid: caller, pirq });
  return { ret: 0, out: { type, pirq } };
};

/** Whether a pirq leads anywhere, real or emulated. */
export const isPirqUsed = (context: Context, domid: DomainId, pirq: number): boolean =>
  irqOfPirq(context, domid, pirq) > 0 ||
  (context.state.irq.domains[domid]?.pirqs[pirq]?.emuirq ?? null) !== null;
