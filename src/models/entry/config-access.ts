import type { DomainId } from '../../base/brand.js';
import type { EventOf } from '../../events/catalogue.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import { bdfOf, busOf, segmentOf } from '../../pci/sbdf.js';
import type { Context, Decider } from '../context.js';
import { allOnes, readConfig, writeConfig } from '../hardware/config-space.js';
import { bridgeIndex } from '../xen/arm-bridges.js';
import { decidePvAccess } from '../xen/pv-config.js';
import { decideVpciRequest } from '../xen/vpci/decide.js';
import { sendUnmasked } from './capability.js';

/** Configuration accesses of domains; `direct` is a hardware domain that reaches the window without Xen. */
export const decideConfigRequest: Decider<'config.requested'> = (context, event) => {
  const { data } = event;
  if (decideVpciRequest(context, event)) return;
  // A guest that Xen does not know runs under somebody else: its recorded answers stand undecided.
  if (data.via !== 'pv' && data.via !== 'direct' && context.state.domains[data.domid] === undefined) return;
  if (data.via === 'pv' && context.env.platform.arch === 'x86_64') return decidePvAccess(context, event);
  const fn = reachedDirectly(context, data.domid, event);
  if (data.dir === 'read') {
    const value = fn === null ? allOnes(data.size) : readConfig(context, fn, data.reg, data.size);
    context.emit('hw', 'config.completed', {
      value,
      handledBy: fn === null ? 'nobody' : 'hardware',
      function: fn,
    });
    return;
  }
  context.emit('hw', 'config.completed', {
    value: null,
    handledBy: fn === null ? 'nobody' : 'hardware',
    function: fn,
  });
  if (fn === null) return;
  writeConfig(context, 'hw', fn, data.reg, data.size, data.value ?? 0);
  sendUnmasked(context, fn);
};

/** What the hardware domain's own bridge driver reaches: its own number of the bridge, no Xen in between. */
function reachedDirectly(
  context: Context,
  _domid: DomainId,
  { data }: EventOf<'config.requested'>,
): FunctionId | null {
  const bus = busOf(data.sbdf);
  for (const candidate of context.state.dom0.bridges) {
    if (candidate.segment !== segmentOf(data.sbdf)) continue;
    const index = bridgeIndex(context.env, candidate.cfgBase);
    const bridge = context.env.platform.bridges[index];
    if (bridge !== undefined && bus >= bridge.busStart && bus <= bridge.busEnd)
      return functionId(index, bdfOf(data.sbdf));
  }
  return null;
}
