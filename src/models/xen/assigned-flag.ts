import { errno } from '../../base/errno.js';
import type { XenSbdf } from '../../pci/sbdf.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { isControlDomain } from './domains.js';

const nameOf = (args: Parameters<HypercallHandler>[1]['args']): XenSbdf =>
  argNumber(args, 'machine_sbdf') as XenSbdf;

const privileged =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) => {
    if (context.env.policies.assignable !== 'xen-flag') return { ret: -errno.ENOSYS };
    return isControlDomain(context, call.caller) ? handler(context, call) : { ret: -errno.EPERM };
  };

/** `pci_device_set_assigned`, 30: the flag means eligible, not given away. */
const setAssigned: HypercallHandler = (context, { args }) => {
  const sbdf = nameOf(args);
  if (context.state.xen.devices[sbdf] === undefined) return { ret: -errno.ENODEV };
  context.emit('xen', 'device.marked', { sbdf, assignable: argNumber(args, 'assigned') !== 0 });
  return { ret: 0 };
};

/** `pci_device_get_assigned`, 31. */
const getAssigned: HypercallHandler = (context, { args }) => ({
  ret: context.state.marks[nameOf(args)] === true ? 0 : -errno.ENODEV,
});

/** `pci_device_enum_assigned`, 32: one device per index; -EINVAL ends the enumeration. */
const enumAssigned: HypercallHandler = (context, { args }) => {
  const wanted = argNumber(args, 'report_not_assigned') === 0;
  const names = Object.keys(context.state.xen.devices)
    .map(Number)
    .filter((name) => (context.state.marks[name] === true) === wanted);
  const name = names[argNumber(args, 'idx')];
  if (name === undefined) return { ret: -errno.EINVAL };
  return { ret: 0, out: { domain: context.state.xen.devices[name]?.owner ?? 0, machine_sbdf: name } };
};

/**
 * System controls proposed in November 2020 for assignability without pciback, never merged; here under the policy
 * `assignable=xen-flag` only. @source facts/dom0 12.1
 */
export const assignedFlagOperations: OperationTable = {
  pci_device_set_assigned: privileged(setAssigned),
  pci_device_get_assigned: privileged(getAssigned),
  pci_device_enum_assigned: privileged(enumAssigned),
};
