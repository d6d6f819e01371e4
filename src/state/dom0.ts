import type { CfgBase } from '../base/brand.js';
import type { Slice } from './slice.js';

/** A host bridge that Dom0's Linux registered. */
export interface Dom0Bridge {
  cfgBase: CfgBase;
  segment: number;
  source: string;
}

export interface Dom0State {
  /** Registered bridges in the order of registration. */
  bridges: Dom0Bridge[];
  /** Counter rule: mode (-1 undecided, 0 dynamic, 1 DT) and next value. @source facts/dom0 1.3 */
  mode: -1 | 0 | 1;
  counter: number;
  /** IDA rule: dynamic ids in use or reserved; static ids in use. @source facts/dom0 1.4 */
  dynamicIds: Record<number, true>;
  staticIds: Record<number, true>;
}

export const dom0Slice: Slice<Dom0State> = {
  initial: ({ platform }) => {
    const dynamicIds: Record<number, true> = {};
    for (const bridge of platform.bridges) {
      if (bridge.isPciNode && bridge.pciDomain !== null) dynamicIds[bridge.pciDomain] = true;
    }
    return { bridges: [], mode: -1, counter: 0, dynamicIds, staticIds: {} };
  },
  on: {
    'segment.assigned': (dom0, { data }) => {
      if (data.by !== 'dom0') return;
      dom0.bridges.push({ cfgBase: data.cfgBase, segment: data.segment, source: data.source });
      if (data.source === 'counter') {
        dom0.mode = 0;
        dom0.counter = data.segment + 1;
      } else if (data.source === 'ida') dom0.dynamicIds[data.segment] = true;
      else if (data.source === 'property') {
        dom0.mode = 1;
        dom0.staticIds[data.segment] = true;
      }
    },
    /** A Linux that comes up anew numbers anew; what the tree reserves stays reserved. */
    'owner.went': (dom0) => {
      for (const { segment, source } of dom0.bridges) if (source === 'ida') delete dom0.dynamicIds[segment];
      Object.assign(dom0, { bridges: [], mode: -1, counter: 0, staticIds: {} });
    },
    'segment.released': (dom0, { data }) => {
      if (data.by !== 'dom0') return;
      const at = dom0.bridges.findIndex((bridge) => bridge.cfgBase === data.cfgBase);
      const bridge = dom0.bridges[at];
      if (bridge === undefined) return;
      dom0.bridges.splice(at, 1);
      if (data.reusable !== 'yes') return;
      if (bridge.source === 'property') delete dom0.staticIds[data.segment];
      else delete dom0.dynamicIds[data.segment];
    },
  },
};
