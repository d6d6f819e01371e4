import { hex } from '../base/hex.js';
import type { HostBridge, IdMap } from '../platform/platform.js';
import type { Watcher } from './rule.js';

/** A run of ids a bridge's functions come out with. */
interface Span {
  readonly target: string;
  readonly first: number;
  readonly last: number;
}

/**
 * The check that two bridges do not send the same ids to one controller, made when the second of them is taken into use
 * by anybody: disabled ones and those every driver refused send nothing.
 * @source facts/arm-msi-iommu 9, check (c)
 */
export function sharedIdsOf(
  property: string,
  ids: string,
  mapOf: (bridge: HostBridge) => IdMap | null,
): Watcher {
  const probed: HostBridge[] = [];
  return {
    'segment.assigned': ({ data }, { env, report }) => {
      const bridge = env.platform.bridges.find((candidate) => candidate.cfgBase === data.cfgBase);
      if (bridge === undefined || probed.includes(bridge)) return;
      for (const other of probed) {
        const clash = overlap(spans(bridge, mapOf(bridge)), spans(other, mapOf(other)));
        if (clash === null) continue;
        report({
          message: `bridges ${hex(other.cfgBase)} and ${hex(bridge.cfgBase)} both send ${ids} ${hex(clash.first)} to ${hex(clash.last)} to ${clash.target}`,
          function: null,
          evidence: {
            property,
            bridges: [hex(other.cfgBase), hex(bridge.cfgBase)],
            first: hex(clash.first),
            last: hex(clash.last),
          },
        });
      }
      probed.push(bridge);
    },
  };
}

/** What requester ids of the bridge's own buses come out as; a mask folds them to what it leaves. */
function spans(bridge: HostBridge, map: IdMap | null): Span[] {
  if (map === null) return [];
  const lowest = (bridge.busStart << 8) & map.mask;
  const highest = ((bridge.busEnd << 8) | 0xff) & map.mask;
  return map.entries.flatMap(({ idBase, length, outBase, target }) => {
    const first = Math.max(idBase, lowest);
    const last = Math.min(idBase + length - 1, highest);
    return target === null || first > last
      ? []
      : [{ target, first: first - idBase + outBase, last: last - idBase + outBase }];
  });
}

function overlap(left: readonly Span[], right: readonly Span[]): Span | null {
  for (const a of left) {
    for (const b of right) {
      const first = Math.max(a.first, b.first);
      const last = Math.min(a.last, b.last);
      if (a.target === b.target && first <= last) return { target: a.target, first, last };
    }
  }
  return null;
}
