import { bridgeOf, type FunctionId, functionBdf } from '../../../pci/function-id.js';
import type { Context } from '../../context.js';
import { hardwareIds } from '../../hardware/smmu/hardware-ids.js';

/**
 * The function Xen takes for the one Dom0 means: Dom0's name of it, looked up in Xen's tables. Itself when either side
 * has no name for it.
 */
function believedFunction(context: Context, fn: FunctionId): FunctionId {
  const bridge = context.env.platform.bridges[bridgeOf(fn)];
  const known = context.state.dom0.bridges.find((candidate) => candidate.cfgBase === bridge?.cfgBase);
  if (known === undefined) return fn;
  return context.state.xen.devices[known.segment * 0x1_0000 + functionBdf(fn)]?.function ?? fn;
}

/**
 * DeviceID Xen computes for a function it is told about by name: with a segment in between, it can be another
 * function's. @source facts/arm-msi-iommu 6.7 (variant V3)
 */
export function believedDeviceId(context: Context, fn: FunctionId): number {
  return hardwareIds(context.env.platform, believedFunction(context, fn)).deviceId;
}
