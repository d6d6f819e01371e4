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
  /** Ports below this have a record, open or closed. */
  valid: number;
}

export type EvtchnState = Record<number, EventDomain>;

const domainOf = (state: EvtchnState, domid: number): EventDomain => {
  state[domid] ??= { ports: {}, fifo: false, valid: PORTS_PER_BUCKET };
  return state[domid];
};

const DEFAULT_PRIORITY = 7;
/** Records are made a page's worth at a time. @source xen/include/xen/sched.h (EVTCHNS_PER_BUCKET) */
export const PORTS_PER_BUCKET = 64;

export const evtchnSlice: Slice<EvtchnState> = {
  initial: () => ({}),
  on: {
    'evtchn.opened': (state, { data }) => {
      const { domid, port, ...channel } = data;
      const domain = domainOf(state, domid);
      domain.ports[port] = { ...channel, priority: DEFAULT_PRIORITY };
      domain.valid = Math.max(domain.valid, (Math.floor(port / PORTS_PER_BUCKET) + 1) * PORTS_PER_BUCKET);
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
