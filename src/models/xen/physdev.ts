import { errno } from '../../base/errno.js';
import { bdf } from '../../pci/sbdf.js';
import { atLeast } from '../../policy/switches.js';
import type { Context } from '../context.js';
import {
  type Answer,
  argNumber,
  argRecord,
  type Call,
  type HypercallHandler,
  type OperationTable,
} from '../hypercall.js';
import { isPciActive } from './arm-bridges.js';
import { isControlDomain } from './domains.js';
import { hostBridgeAdd } from './host-bridge-add.js';
import { type AddInfo, addDevice, packName, removeDevice } from './pci-device.js';
import { resetVpci } from './vpci/attach.js';

const addFlags = { EXTFN: 1, VIRTFN: 2 } as const;

const plainDevice: AddInfo = { isExtfn: false, isVirtfn: false, physfn: bdf(0, 0, 0) };

/** ARM has commands 25, 26 and 32 only, and only with PCI compiled in and switched on. @source facts/xen 2.2 */
const onArm = (context: Context): boolean => context.env.platform.arch === 'arm64';

/** x86 only: absent on ARM. */
const x86Only =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) =>
    onArm(context) ? { ret: -errno.ENOSYS } : handler(context, call);

/** The gate of the device operations, then `XSM_PRIV`. @source facts/xen 2.2 */
const gated =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) => {
    if (onArm(context)) {
      if (context.env.switches['arm-pci'] === 'absent') return { ret: -errno.ENOSYS };
      if (!isPciActive(context.env)) return { ret: -errno.EOPNOTSUPP };
    }
    return privileged(handler)(context, call);
  };

const privileged =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) =>
    isControlDomain(context, call.caller) ? handler(context, call) : { ret: -errno.EPERM };

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
const managePciAddExt: HypercallHandler = (context, { args }) => {
  const isExtfn = argNumber(args, 'is_extfn');
  const isVirtfn = argNumber(args, 'is_virtfn');
  if (isExtfn > 1 || isVirtfn > 1) return answer(-errno.EINVAL);
  const physfn = argRecord(args, 'physfn');
  return answer(
    addDevice(context, nameOf(args, 0), {
      isExtfn: isExtfn === 1,
      isVirtfn: isVirtfn === 1,
      physfn: devfnAt(argNumber(physfn, 'bus'), argNumber(physfn, 'devfn')),
    }),
  );
};

/** `pci_device_reset` came with 4.20; it rebuilds Xen's own view and touches no hardware. @source facts/xen 2.4 */
const pciDeviceReset: HypercallHandler = (context, { args }) => {
  if (!atLeast(context.env.switches, 'xen', '4.20')) return answer(-errno.ENOSYS);
  if ((argNumber(args, 'flags') & ~3) !== 0) return answer(-errno.EINVAL);
  const device = argRecord(args, 'dev');
  const name = packName(argNumber(device, 'seg'), argNumber(device, 'bus'), argNumber(device, 'devfn'));
  return answer(context.state.xen.devices[name] === undefined ? -errno.ENODEV : resetVpci(context, name));
};

const devfnAt = (bus: number, devfn: number) => bdf(bus, devfn >>> 3, devfn & 7);
const nameOf = (args: Call['args'], segment: number) =>
  packName(segment, argNumber(args, 'bus'), argNumber(args, 'devfn'));

/** `physdev_op` sub-operations. @source facts/xen 2 */
export const physdevOperations: OperationTable = {
  manage_pci_add: x86Only(
    privileged((context, { args }) => answer(addDevice(context, nameOf(args, 0), plainDevice))),
  ),
  manage_pci_remove: x86Only(
    privileged((context, { args }) => answer(removeDevice(context, nameOf(args, 0)))),
  ),
  manage_pci_add_ext: x86Only(privileged(managePciAddExt)),
  pci_device_add: gated(pciDeviceAdd),
  pci_device_remove: gated((context, { args }) =>
    answer(removeDevice(context, nameOf(args, argNumber(args, 'seg')))),
  ),
  pci_device_reset: gated(pciDeviceReset),
  pci_host_bridge_add: privileged(hostBridgeAdd),
};
