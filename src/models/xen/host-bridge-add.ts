import type { CfgBase } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';

/**
 * PHYSDEVOP_pci_host_bridge_add as the 2015 draft meant it: Dom0 states that segment `seg` is the bridge whose
 * configuration window starts at `cfg_base`. **Proposed, never merged**: it exists in no Xen tree, so it answers
 * -ENOSYS unless the policy `segments.xen=told-by-dom0` asks for the design. Its errnos are this tool's own:
 * -ENODEV no such window, -EEXIST the number stands for another bridge.
 * @source facts/xen 2.1 (non-existence), 13.1 (motive and fields)
 */
export const hostBridgeAdd: HypercallHandler = (context, { args }) => {
  if (context.env.policies['segments.xen'] !== 'told-by-dom0') return { ret: -errno.ENOSYS };
  const base = argNumber(args, 'cfg_base') as CfgBase;
  const segment = argNumber(args, 'seg') & 0xffff;
  const { bridges } = context.state.xen;
  const bridge = bridges.find((candidate) => candidate.cfgBase === base);
  if (bridge === undefined) return { ret: -errno.ENODEV };
  if (bridges.some((other) => other.cfgBase !== base && other.segment === segment))
    return { ret: -errno.EEXIST };
  if (bridge.segment !== segment) {
    context.emit('xen', 'segment.assigned', { by: 'xen', segment, cfgBase: base, source: 'told' });
  }
  return { ret: 0 };
};
