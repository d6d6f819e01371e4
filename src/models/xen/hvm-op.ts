import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { type ErrnoName, errno } from '../../base/errno.js';
import { hvmParam } from '../../state/guest-io.js';
import { type Answer, argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { arg64 } from './dm-op/call.js';
import { mayActAsDeviceModel } from './domains.js';
import { guestOf } from './ioreq/guest.js';

const PARAMS = 39;
/** Frames a pool can have: one bit each in a 64-bit mask. */
const POOL = 64;
const onceOnly: readonly number[] = [
  hvmParam.IOREQ_PFN,
  hvmParam.BUFIOREQ_PFN,
  hvmParam.IOREQ_SERVER_PFN,
  hvmParam.NR_IOREQ_SERVER_PAGES,
];

const fail = (name: ErrnoName): Answer => ({ ret: -errno[name] });

/**
 * hvm_op 0. Only the parameters that IOREQ servers and the ACPI ports depend on have an effect; the others are stored.
 * @source facts/xen 1.2; xen/arch/x86/hvm/hvm.c (hvmop_set_param, hvm_allow_set_param)
 */
const setParam: HypercallHandler = (context, { caller, args }) => {
  const index = argNumber(args, 'index');
  if (index >= PARAMS) return fail('EINVAL');
  const named = argNumber(args, 'domid') as DomainId;
  const domid = named === domids.SELF ? caller : named;
  if (context.state.domains[domid] === undefined) return fail('ESRCH');
  const guest = guestOf(context, domid);
  if (guest === undefined) return fail('EINVAL');
  const self = domid === caller;
  if (!self && !mayActAsDeviceModel(context, caller, domid)) return fail('EPERM');
  if (self && index !== hvmParam.ACPI_IOPORTS_LOCATION) return fail('EPERM');
  const value = arg64(args, 'value');
  const old = guest.params[index] ?? 0;
  if (onceOnly.includes(index) && old !== 0 && old !== value) return fail('EEXIST');
  if (index === hvmParam.NR_IOREQ_SERVER_PAGES && (value === 0 || value > POOL)) return fail('EINVAL');
  if (index === hvmParam.ACPI_IOPORTS_LOCATION && guest.type !== 'hvm') return fail('ENODEV');
  if (index === hvmParam.ACPI_IOPORTS_LOCATION && value > 1) return fail('EINVAL');
  if (old !== value) context.emit('xen', 'param.changed', { domid, index, value: value as PhysicalAddress });
  return { ret: 0 };
};

const getParam: HypercallHandler = (context, { caller, args }) => {
  const index = argNumber(args, 'index');
  if (index >= PARAMS) return fail('EINVAL');
  const named = argNumber(args, 'domid') as DomainId;
  const domid = named === domids.SELF ? caller : named;
  if (context.state.domains[domid] === undefined) return fail('ESRCH');
  const guest = guestOf(context, domid);
  if (guest === undefined) return fail('EINVAL');
  if (domid !== caller && !mayActAsDeviceModel(context, caller, domid)) return fail('EPERM');
  return { ret: 0, out: { value: guest.params[index] ?? 0 } };
};

export const hvmOperations: OperationTable = { set_param: setParam, get_param: getParam };
