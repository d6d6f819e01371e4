import type { initSteps } from '../events/kinds/bridge-init.js';
import type { Slice } from './slice.js';

export type InitStep = (typeof initSteps)[number];

/** Steps a bridge has behind it, by CFG base; a bridge that is not listed needs none. */
export type BridgeInitState = Record<number, Partial<Record<InitStep, true>>>;

/** Only NWL bridges need software before they answer, and only where the firmware has not done it all. */
export const bridgeInitSlice: Slice<BridgeInitState> = {
  initial: ({ platform, policies }) => {
    const waiting: BridgeInitState = {};
    if (policies['bridge-init'] === 'firmware') return waiting;
    for (const bridge of platform.bridges) if (bridge.access === 'nwl') waiting[bridge.cfgBase] = {};
    return waiting;
  },
  on: {
    'bridge.advanced': (bridges, { data }) => {
      const steps = bridges[data.cfgBase];
      if (steps !== undefined) steps[data.step] = true;
    },
  },
};
