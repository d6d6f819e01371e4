import { errno } from '../../base/errno.js';
import { bdf, formatSbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { has } from '../../policy/has.js';
import type { Context } from '../context.js';
import {
  type Answer,
  argNumber,
  argRecord,
  type Call,
  type HypercallHandler,
  type OperationTable,
} from '../hypercall.js';
import { hasPci, isPciActive } from './arm-bridges.js';
import { hasPirqFeature, isHvm } from './domains.js';
import { mayManageDevices } from './driver-domain.js';
import { eventPortOfPirq } from './event-channel-lookup.js';
import { hostBridgeAdd } from './host-bridge-add.js';
import { apicRead, apicWrite, isGsi, setupGsi } from './ioapic.js';
import { getFreePirq, isPirqUsed, mapPirq, unmapPirqOperation } from './map-pirq.js';
import { pciMmcfgReserved } from './mmcfg.js';
import { prepareMsix, restoreMsi } from './msi.js';
import { type AddInfo, addDevice, packName, removeDevice } from './pci-device.js';
import { hasPirq, irqOfPirq } from './pirq.js';
import { resetVpci } from './vpci/attach.js';
import { nrPirqs, x86Facts } from './x86.js';

const addFlags = { EXTFN: 1, VIRTFN: 2 } as const;

const plainDevice: AddInfo = { isExtfn: false, isVirtfn: false, physfn: bdf(0, 0, 0) };

const onArm = (context: Context): boolean => context.env.platform.arch === 'arm64';

/** The gate of the device operations, then `XSM_PRIV`. @source facts/xen 2.2 */
const gated =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) => {
    return armGate(context) ?? privileged(handler)(context, call);
  };

/** Why ARM refuses every device operation; null when it does not, and on x86. */
function armGate(context: Context): Answer | null {
  if (!onArm(context)) return null;
  if (!hasPci(context.env)) return answer(-errno.ENOSYS);
  return isPciActive(context.env) ? null : answer(-errno.EOPNOTSUPP);
}

const privileged =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) =>
    mayManageDevices(context, call.caller) ? handler(context, call) : { ret: -errno.EPERM };

const answer = (ret: number): Answer => ({ ret });

const pciDeviceAdd: HypercallHandler = (context, { args }) => {
  const flags = argNumber(args, 'flags');
  const physfn = argRecord(args, 'physfn');
  const isVirtfn = (flags & addFlags.VIRTFN) !== 0;
  const info: AddInfo = {
    isExtfn: (flags & addFlags.EXTFN) !== 0,
    isVirtfn,
    physfn: isVirtfn ? devfnAt(argNumber(physfn, 'bus'), argNumber(physfn, 'devfn')) : plainDevice.physfn,
  };
  return answer(addDevice(context, nameOf(args, argNumber(args, 'seg')), info));
};

/** `manage_pci_add_ext`: segment 0 whatever the caller means; each flag is 0 or 1. @source facts/xen 2.1 */
const managePciAddExt: HypercallHandler = (context, { caller, args }) => {
  const isExtfn = argNumber(args, 'is_extfn');
  const isVirtfn = argNumber(args, 'is_virtfn');
  if (isExtfn > 1 || isVirtfn > 1) return answer(-errno.EINVAL);
  if (!mayManageDevices(context, caller)) return answer(-errno.EPERM);
  const physfn = argRecord(args, 'physfn');
  return answer(
    addDevice(context, nameOf(args, 0), {
      isExtfn: isExtfn === 1,
      isVirtfn: isVirtfn === 1,
      physfn: devfnAt(argNumber(physfn, 'bus'), argNumber(physfn, 'devfn')),
    }),
  );
};

/**
 * `pci_device_reset` came with 4.20; it rebuilds Xen's own view and touches no hardware. The flags are looked at
 * before the privilege. @source facts/xen 2.4
 */
const pciDeviceReset: HypercallHandler = (context, call) => {
  if (!has(context.env, 'physdev-pci-device-reset')) return answer(-errno.ENOSYS);
  return armGate(context) ?? resetChecked(context, call);
};

const resetChecked: HypercallHandler = (context, { caller, args }) => {
  if ((argNumber(args, 'flags') & ~3) !== 0) return answer(-errno.EINVAL);
  if (!mayManageDevices(context, caller)) return answer(-errno.EPERM);
  const named = argRecord(args, 'dev');
  const name = packName(argNumber(named, 'seg'), argNumber(named, 'bus'), argNumber(named, 'devfn'));
  const device = context.state.xen.devices[name];
  if (device === undefined) return answer(-errno.ENODEV);
  if (device.owner === null && hasBehaviour(context.env.behaviour, 'xen-as-released')) {
    // The lock of its domain is taken without asking whether it has one.
    const reason = `PHYSDEVOP_pci_device_reset of ${formatSbdf(name)}, which belongs to no domain: null pointer`;
    context.emit('xen', 'xen.panicked', { reason });
  }
  return answer(resetVpci(context, name));
};

const devfnAt = (bus: number, devfn: number) => bdf(bus, devfn >>> 3, devfn & 7);
const nameOf = (args: Call['args'], segment: number) =>
  packName(segment, argNumber(args, 'bus'), argNumber(args, 'devfn'));

const nameFrom = (args: Call['args']) => nameOf(args, argNumber(args, 'seg'));

/** PHYSDEVOP_eoi: any pirq the domain has a record of. @source facts/xen 2.1 */
const eoi: HypercallHandler = (context, { caller, args }) => {
  const pirq = argNumber(args, 'irq');
  const isKnown =
    pirq < nrPirqs(context.state, context.env, caller) &&
    (hasPirq(context, caller, pirq) || eventPortOfPirq(context, caller, pirq) !== null);
  if (!isKnown) return answer(-errno.EINVAL);
  return answer(0);
};

const NEEDS_EOI = 1;
const SHARED = 2;

const irqStatusQuery: HypercallHandler = (context, { caller, args }) => {
  const pirq = argNumber(args, 'irq');
  if (pirq > 0x7fff_ffff || pirq >= nrPirqs(context.state, context.env, caller)) return answer(-errno.EINVAL);
  if (isHvm(context, caller) && !isPirqUsed(context, caller, pirq)) return answer(-errno.EINVAL);
  const guests = context.state.irq.guests[irqOfPirq(context, caller, pirq)] ?? [];
  return { ret: 0, out: { irq: pirq, flags: NEEDS_EOI | (guests.length > 1 ? SHARED : 0) } };
};

/** One page per domain; version 1 also unmasks the event channel at each EOI. @source facts/xen 2.1 */
const pirqEoiPage =
  (autoUnmask: boolean): HypercallHandler =>
  (context, { caller, args }) => {
    const gmfn = argNumber(args, 'gmfn');
    if (gmfn > 0xffff_ffff) return answer(-errno.EINVAL);
    if ((context.state.irq.domains[caller]?.eoiPage ?? null) !== null) return answer(-errno.EBUSY);
    context.emit('xen', 'pirq.eoi_page', { domid: caller, gmfn, autoUnmask });
    return answer(0);
  };

const MAX_PORTS = 65_536;

const restore =
  (nameOfArgs: (args: Call['args']) => ReturnType<typeof nameFrom>): HypercallHandler =>
  (context, { caller, args }) => {
    const name = nameOfArgs(args);
    if (context.state.xen.devices[name] === undefined) return answer(-errno.ENODEV);
    if (!x86Facts(context.env).msi) return answer(-errno.EOPNOTSUPP);
    return answer(mayManageDevices(context, caller) ? restoreMsi(context, name) : -errno.EPERM);
  };

/** The debug port's USB controller around a reset; Xen uses none here, so there is nothing to stop. @source facts/xen 2.1 */
const dbgpOp: HypercallHandler = (context, { caller, args }) => {
  if (context.state.domains[caller]?.hardware !== true) return answer(-errno.EPERM);
  const isKnownOp = argNumber(args, 'op') === 1 || argNumber(args, 'op') === 2;
  return answer(isKnownOp && argNumber(args, 'bus') <= 1 ? 0 : -errno.EINVAL);
};

/**
 * Who besides PV domains reaches an operation on x86: HVM domains with the PIRQ feature (`since-4.20`: from then on
 * without it too), or as hardware domain (`hardware-4.20`: from then on).
 * @source hvm_physdev_op of stable-4.17 to stable-4.22
 */
type HvmMay = 'since-4.20' | 'pirq' | 'hardware' | 'hardware-4.20' | 'never';

/**
 * Puts an operation behind the entry of its machine: ARM has 25, 26 and 32 only, HVM and PVH domains pass
 * hvm_physdev_op first. @source facts/xen 2.2
 */
const entry =
  (hvmMay: HvmMay, handler: HypercallHandler, arm = false): HypercallHandler =>
  (context, call) => {
    if (onArm(context)) return arm ? handler(context, call) : answer(-errno.ENOSYS);
    if (!isHvm(context, call.caller)) return handler(context, call);
    const passes =
      (hvmMay === 'since-4.20' && has(context.env, 'hvm-maps-pirqs-freely')) ||
      ((hvmMay === 'pirq' || hvmMay === 'since-4.20') && hasPirqFeature(context, call.caller)) ||
      ((hvmMay === 'hardware' || (hvmMay === 'hardware-4.20' && has(context.env, 'setup-gsi-for-pvh'))) &&
        context.state.domains[call.caller]?.hardware === true);
    return passes ? handler(context, call) : answer(-errno.ENOSYS);
  };

/** `physdev_op` sub-operations. @source facts/xen 2 */
export const physdevOperations: OperationTable = {
  irq_unmask_notify: entry('never', () => answer(0)),
  irq_status_query: entry('pirq', irqStatusQuery),
  set_iopl: entry('never', (_context, { args }) => answer(argNumber(args, 'iopl') > 3 ? -errno.EINVAL : 0)),
  set_iobitmap: entry('never', (_context, { args }) =>
    answer(argNumber(args, 'nr_ports') > MAX_PORTS ? -errno.EINVAL : 0),
  ),
  apic_read: entry('never', privileged(apicRead)),
  apic_write: entry('never', privileged(apicWrite)),
  alloc_irq_vector: entry(
    'never',
    privileged((_context, { args }) => {
      const irq = argNumber(args, 'irq');
      return { ret: 0, out: { irq, vector: irq } };
    }),
  ),
  eoi: entry('pirq', eoi),
  map_pirq: entry('since-4.20', mapPirq),
  unmap_pirq: entry('since-4.20', unmapPirqOperation),
  manage_pci_add: entry(
    'never',
    privileged((context, { args }) => answer(addDevice(context, nameOf(args, 0), plainDevice))),
  ),
  manage_pci_remove: entry(
    'never',
    privileged((context, { args }) => answer(removeDevice(context, nameOf(args, 0)))),
  ),
  pirq_eoi_gmfn_v1: entry('never', pirqEoiPage(true)),
  restore_msi: entry(
    'never',
    restore((args) => nameOf(args, 0)),
  ),
  manage_pci_add_ext: entry('never', managePciAddExt),
  setup_gsi: entry('hardware-4.20', (context, call) =>
    isGsi(context, argNumber(call.args, 'gsi')) ? privileged(setupGsi)(context, call) : answer(-errno.EINVAL),
  ),
  get_free_pirq: entry('pirq', getFreePirq),
  pci_mmcfg_reserved: entry('hardware', privileged(pciMmcfgReserved)),
  pci_device_add: entry('hardware', gated(pciDeviceAdd), true),
  pci_device_remove: entry(
    'hardware',
    gated((context, { args }) => answer(removeDevice(context, nameFrom(args)))),
    true,
  ),
  restore_msi_ext: entry('never', restore(nameFrom)),
  pirq_eoi_gmfn_v2: entry('never', pirqEoiPage(false)),
  dbgp_op: entry('hardware', dbgpOp),
  prepare_msix: entry(
    'never',
    privileged((context, { args }) => answer(prepareMsix(context, nameFrom(args), false))),
  ),
  release_msix: entry(
    'never',
    privileged((context, { args }) => answer(prepareMsix(context, nameFrom(args), true))),
  ),
  pci_device_reset: entry('hardware', pciDeviceReset, true),
  pci_host_bridge_add: privileged(hostBridgeAdd),
};
