import type { DomainId } from '../base/brand.js';
import type { Slice } from './slice.js';

export interface EventChannel {
  state: string;
  remote: DomainId | null;
  remotePort: number | null;
  /** Pirq or virq. */
  number: number | null;
  vcpu: number;
  priority: number;
}

/** A domain's channels by port; port 0 is never used. */
export interface EventDomain {
  ports: Record<number, EventChannel>;
  fifo: boolean;
}

export type EvtchnState = Record<number, EventDomain>;

const domainOf = (state: EvtchnState, domid: number): EventDomain => {
  state[domid] ??= { ports: {}, fifo: false };
  return state[domid];
};

const DEFAULT_PRIORITY = 7;

export const evtchnSlice: Slice<EvtchnState> = {
  initial: () => ({}),
  on: {
    'evtchn.opened': (state, { data }) => {
      const { domid, port, ...channel } = data;
      domainOf(state, domid).ports[port] = { ...channel, priority: DEFAULT_PRIORITY };
    },
    'evtchn.closed': (state, { data }) => {
      delete domainOf(state, data.domid).ports[data.port];
    },
    'evtchn.moved': (state, { data }) => {
      const channel = domainOf(state, data.domid).ports[data.port];
      if (channel !== undefined) channel.vcpu = data.vcpu;
    },
    'evtchn.prioritised': (state, { data }) => {
      const channel = domainOf(state, data.domid).ports[data.port];
      if (channel !== undefined) channel.priority = data.priority;
    },
    'evtchn.fifo': (state, { data }) => {
      domainOf(state, data.domid).fifo = true;
    },
    'domain.destroyed': (state, { data }) => {
      delete state[data.domid];
    },
  },
};
