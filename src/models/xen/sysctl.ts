import { errno } from '../../base/errno.js';
import type { RecordObject, RecordValue } from '../../events/field.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { isControlDomain } from './domains.js';
import { hasWrongVersion } from './domctl.js';
import { packName } from './pci-device.js';

const INVALID_DEVICE = 0xffff_fffe;
const UNKNOWN_NODE = 0xffff_ffff;
/** After this many devices Xen may stop early; the caller asks again. @source facts/xen 8 */
const AT_ONCE = 64;

/**
 * XEN_SYSCTL_pcitopoinfo: NUMA node per device. No platform here has nodes, so a known device has an unknown one. The
 * handles stand for the lists behind them: `devs` in, `nodes` out. @source facts/xen 8
 */
const pciTopoInfo: HypercallHandler = (context, call) => {
  if (hasWrongVersion(context, call, 'sysctl')) return { ret: -errno.EACCES };
  if (!isControlDomain(context, call.caller)) return { ret: -errno.EPERM };
  const { devs } = call.args;
  if (!Array.isArray(devs)) return { ret: -errno.EINVAL };
  const count = Math.min(argNumber(call.args, 'num_devs'), devs.length, AT_ONCE);
  const nodes = (devs as readonly RecordValue[]).slice(0, count).map((item) => {
    const device = (typeof item === 'object' && item !== null ? item : {}) as RecordObject;
    const name = packName(argNumber(device, 'seg'), argNumber(device, 'bus'), argNumber(device, 'devfn'));
    return context.state.xen.devices[name] === undefined ? INVALID_DEVICE : UNKNOWN_NODE;
  });
  return { ret: 0, out: { num_devs: count, devs, nodes } };
};

/** `sysctl` sub-operations that concern PCI. @source facts/xen 8 */
export const sysctlOperations: OperationTable = { pcitopoinfo: pciTopoInfo };
