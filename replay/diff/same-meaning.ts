import { functionBehind } from '../../src/models/xen/config-access.js';
import { formatFunction } from '../../src/pci/function-id.js';
import { formatSbdf, type XenSbdf } from '../../src/pci/sbdf.js';
import type { ReadonlyWorld } from '../../src/state/world.js';
import { worldBefore } from '../seek/timeline.js';
import type { Island, Side } from './side.js';

/** Whether the states behind an island mean the same, whatever things are called in them. */
export function sameMeaning(left: Side, right: Side, { aTo, bTo }: Pick<Island, 'aTo' | 'bTo'>): boolean {
  return meaning(left, aTo) === meaning(right, bTo);
}

/** A state as text: names replaced by functions, numbers given by a numbering left out. */
function meaning({ reader, env }: Side, seq: number): string {
  const state: ReadonlyWorld = worldBefore(reader, env, seq);
  const devices = Object.entries(state.xen.devices)
    .map(([name, device]) => {
      const sbdf = Number(name) as XenSbdf;
      const fn = functionBehind(state, env, sbdf);
      return [
        fn === null ? `?${formatSbdf(sbdf)}` : formatFunction(fn, env.platform),
        { ...device, function: null },
      ];
    })
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return JSON.stringify({
    ...state,
    xen: {
      ...state.xen,
      devices,
      segments: null,
      domainNr: null,
      bridges: state.xen.bridges.map(({ cfgBase }) => cfgBase).sort((a, b) => a - b),
    },
    dom0: state.dom0.bridges.map(({ cfgBase }) => cfgBase).sort((a, b) => a - b),
  });
}
