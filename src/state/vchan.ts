import type { ChannelVerb } from '../events/kinds/owners.js';
import type { Slice } from './slice.js';

/** A request, or a reply when `errno` is there. */
export interface ChannelMessage {
  id: number;
  job: number;
  verb: ChannelVerb;
  device: string;
  argument: string;
  sizeBytes: number;
  errno: number | null;
  text: string;
}

/**
 * A request channel between toolstack and hardware domain: two rings in a shared page and an event channel, found
 * through XenStore. A server that dies without closing leaves its live byte set, so that nobody hears of it.
 * @source tools/libs/vchan of Xen; facts/dom0 12.3
 */
export interface VchanState {
  phase: 'absent' | 'offered' | 'open' | 'closed';
  server: number | null;
  version: number;
  ringBytes: number;
  /** The server process runs; the ring does not show it. */
  serverRuns: boolean;
  requests: ChannelMessage[];
  replies: ChannelMessage[];
  nextId: number;
}

/** Where the server's keys stand below its home. */
export const CHANNEL_KEYS = 'data/pci-requests';

const initial = (): VchanState => ({
  phase: 'absent',
  server: null,
  version: 0,
  ringBytes: 0,
  serverRuns: false,
  requests: [],
  replies: [],
  nextId: 1,
});

export const vchanSlice: Slice<VchanState> = {
  initial,
  on: {
    'vchan.changed': (vchan, { data }) => {
      if (data.phase === 'offered') Object.assign(vchan, { requests: [], replies: [] });
      vchan.phase = data.phase;
      vchan.server = data.server;
      vchan.version = data.version;
      vchan.ringBytes = data.ringBytes;
      vchan.serverRuns = data.phase === 'offered' || data.phase === 'open';
    },
    'vchan.silent': (vchan) => {
      vchan.serverRuns = false;
    },
    'owner.went': (vchan) => {
      vchan.serverRuns = false;
    },
    'vchan.sent': (vchan, { data }) => {
      vchan.requests.push({ ...data, errno: null, text: '' });
      vchan.nextId = data.id + 1;
    },
    'vchan.taken': (vchan) => {
      vchan.requests.shift();
    },
    'vchan.answered': (vchan, { data }) => {
      vchan.replies.push({ ...data, argument: '' });
    },
    'vchan.received': (vchan) => {
      vchan.replies.shift();
    },
  },
};

/** What a ring has left. */
export const freeBytes = (
  { ringBytes }: { readonly ringBytes: number },
  ring: readonly { readonly sizeBytes: number }[],
): number => ringBytes - ring.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
