import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { assignDevice, deassignDevice, testAssignDevice } from './assignment.js';
import { domids, isControlDomain } from './domains.js';

/** Unknown domains are -ESRCH for control domains and -EPERM for everyone else. @source facts/xen 7.1 */
const onDomain =
  (accepts: readonly DomainId[], handler: HypercallHandler): HypercallHandler =>
  (context, call) => {
    const target = argNumber(call.args, 'domain') as DomainId;
    if (!isControlDomain(context, call.caller)) return { ret: -errno.EPERM };
    const known = context.state.domains[target] !== undefined || accepts.includes(target);
    return known ? handler(context, call) : { ret: -errno.ESRCH };
  };

/** `domctl` sub-operations that concern PCI. @source facts/xen 1.2, 7 */
export const domctlOperations: OperationTable = {
  assign_device: onDomain([domids.IO], assignDevice),
  test_assign_device: onDomain([domids.IO, domids.INVALID], testAssignDevice),
  deassign_device: onDomain([domids.IO], deassignDevice),
};
