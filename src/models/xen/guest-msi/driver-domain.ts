import type { DomainId } from '../../../base/brand.js';
import { bridgeOf, type FunctionId, functionBdf } from '../../../pci/function-id.js';
import type { Context } from '../../context.js';

/**
 * The domain a function was given to, by the name Dom0 uses for it: the domain whose driver sits on the function, even
 * when Xen takes that name for another function. Null when nobody was given it.
 * @cost O(bridges Dom0 registered), no allocation.
 */
export function driverDomain(context: Pick<Context, 'env' | 'state'>, fn: FunctionId): DomainId | null {
  const bridge = context.env.platform.bridges[bridgeOf(fn)];
  if (bridge === undefined) return null;
  const { bridges } = context.state.dom0;
  for (let i = 0; i < bridges.length; i++) {
    const known = bridges[i]!;
    if (known.cfgBase !== bridge.cfgBase) continue;
    return context.state.xen.devices[known.segment * 0x1_0000 + functionBdf(fn)]?.owner ?? null;
  }
  return null;
}
