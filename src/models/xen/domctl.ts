import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { errno } from '../../base/errno.js';
import { interfaceVersions } from '../../events/abi/sysctl.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { has } from '../../policy/has.js';
import { minorOf } from '../../policy/releases.js';
import type { Context } from '../context.js';
import {
  type Answer,
  argNumber,
  type Call,
  type HypercallHandler,
  type OperationTable,
} from '../hypercall.js';
import {
  gsiPermission,
  iomemPermission,
  ioportMapping,
  ioportPermission,
  irqPermission,
  memoryMapping,
} from './access-domctl.js';
import { assignDevice, deassignDevice, testAssignDevice } from './assignment.js';
import { getDeviceGroup } from './device-group.js';
import { isControlDomain, isHvm, mayActAsDeviceModel } from './domains.js';
import { shadowOp } from './log-dirty.js';
import { bindPtIrq, unbindPtIrq } from './pt-irq.js';

/**
 * A caller that states an interface version must state the release's own; arguments without the field count as right.
 * @source facts/xen 1.2
 */
export function hasWrongVersion(context: Context, call: Call, which: 'domctl' | 'sysctl'): boolean {
  const stated = call.args['interface_version'];
  return stated !== undefined && stated !== interfaceVersions[minorOf(context.env.switches.xen)]?.[which];
}

/**
 * What every domctl checks before its own work: version, that the domain exists (-ESRCH for control domains and
 * -EPERM for everyone else), privilege. @source facts/xen 7.1
 */
const onDomain =
  (
    accepts: readonly DomainId[],
    privilege: 'control' | 'device-model',
    handler: HypercallHandler,
  ): HypercallHandler =>
  (context, call) => {
    if (hasWrongVersion(context, call, 'domctl')) return { ret: -errno.EACCES };
    const target = argNumber(call.args, 'domain') as DomainId;
    const known = context.state.domains[target] !== undefined || accepts.includes(target);
    const mayControl = isControlDomain(context, call.caller);
    if (!known) return { ret: mayControl ? -errno.ESRCH : -errno.EPERM };
    const may = privilege === 'control' ? mayControl : mayActAsDeviceModel(context, call.caller, target);
    return may ? handler(context, call) : { ret: -errno.EPERM };
  };

const control = (handler: HypercallHandler): HypercallHandler => onDomain([], 'control', handler);
const deviceModel = (handler: HypercallHandler): HypercallHandler => onDomain([], 'device-model', handler);

/** Absent on ARM. */
const x86Only =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) =>
    context.env.platform.arch === 'arm64' ? { ret: -errno.ENOSYS } : handler(context, call);

/** gsi_permission came with 4.20. @source xen/include/public/domctl.h of the stable branches */
const since420 =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) =>
    has(context.env, 'domctl-gsi-permission') ? handler(context, call) : { ret: -errno.ENOSYS };

/** DOMID_INVALID is turned away before anyone asks who calls. @source facts/xen 7.1 */
const notForNobody =
  (handler: HypercallHandler): HypercallHandler =>
  (context, call) =>
    argNumber(call.args, 'domain') === domids.INVALID && !hasWrongVersion(context, call, 'domctl')
      ? { ret: -errno.ESRCH }
      : handler(context, call);

/** XEN_DOMCTL_set_target: once, from a domain to an HVM domain. @source xen/common/domctl.c */
const setTarget: HypercallHandler = (context, { args }) => {
  const domid = argNumber(args, 'domain') as DomainId;
  const target = argNumber(args, 'target') as DomainId;
  if (context.state.domains[target] === undefined) return { ret: -errno.ESRCH };
  if (target === domid) return { ret: -errno.EINVAL };
  if (!isHvm(context, target)) return { ret: -errno.EOPNOTSUPP };
  if (context.state.domains[domid]?.target !== null) return { ret: -errno.EINVAL };
  context.emit('xen', 'domain.targeted', { domid, target });
  return { ret: 0 };
};

/**
 * XEN_DOMCTL_getdomaininfo, its result only: in 4.17 the first domain of at least that id answers, later the id itself
 * must live. @source xen/common/domctl.c of stable-4.17 and stable-4.18
 */
const getDomainInfo: HypercallHandler = (context, call): Answer => {
  if (hasWrongVersion(context, call, 'domctl')) return { ret: -errno.EACCES };
  if (!isControlDomain(context, call.caller)) return { ret: -errno.EPERM };
  const asked = argNumber(call.args, 'domain');
  const exact = has(context.env, 'domctl-getdomaininfo-exact');
  if (!exact && asked >= domids.SELF) return { ret: -errno.EINVAL };
  const found = Object.keys(context.state.domains)
    .map(Number)
    .filter((domid) => (exact ? domid === asked : domid >= asked))
    .sort((a, b) => a - b)[0];
  return found === undefined ? { ret: -errno.ESRCH } : { ret: 0, out: { domain: found } };
};

/** `domctl` sub-operations that concern PCI. @source facts/xen 1.2, 7 */
export const domctlOperations: OperationTable = {
  getdomaininfo: getDomainInfo,
  irq_permission: x86Only(control(irqPermission)),
  iomem_permission: control(iomemPermission),
  ioport_permission: x86Only(control(ioportPermission)),
  gsi_permission: since420(x86Only(control(gsiPermission))),
  assign_device: notForNobody(onDomain([domids.IO], 'control', assignDevice)),
  test_assign_device: onDomain([domids.INVALID], 'control', testAssignDevice),
  deassign_device: notForNobody(onDomain([domids.IO], 'control', deassignDevice)),
  get_device_group: control(getDeviceGroup),
  bind_pt_irq: deviceModel(bindPtIrq),
  unbind_pt_irq: deviceModel(unbindPtIrq),
  memory_mapping: deviceModel(memoryMapping),
  ioport_mapping: x86Only(deviceModel(ioportMapping)),
  set_target: control(setTarget),
  shadow_op: (context, call) =>
    hasBehaviour(context.env.behaviour, 'suspend-modelled')
      ? x86Only(control(shadowOp))(context, call)
      : { ret: -errno.ENOSYS },
};
