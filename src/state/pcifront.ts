import type { AerResult } from '../events/kinds/aer.js';
import type { Slice } from './slice.js';

/** The page between pcifront and pciback, and what each side does with it. */
export interface SharedPage {
  /** A request waits for an answer (bit 0 of the flags). */
  pending: { cmd: number; sbdf: number; offset: number; size: number; value: number } | null;
  /** The request pciback's worker has in its hands: a copy, the page may change meanwhile. */
  serving: { cmd: number; sbdf: number; offset: number; size: number; value: number } | null;
  /** Requests pcifront gave up on. */
  expired: number;
}

export interface Frontend {
  /** XenbusState it set last. */
  state: number;
  roots: string[];
  devices: string[];
  page: SharedPage;
  /** Watch events that wait. */
  wakes: number;
  /** The guest woke in another domain: nobody has mapped its page. Absent: the page is new. */
  stale?: true;
  /** The question of error recovery that stands in the page (bit 2); absent: none. */
  aer?: { sbdf: number; fatal: boolean; cmd: number; status: AerResult };
}

/** By guest. */
export type PcifrontState = Record<number, Frontend>;

/** Token of pcifront's watch on its backend's state. */
export const FRONTEND_TOKEN = 'pcifront';

const words = (text: string): string[] => (text === '' ? [] : text.split(' '));

export const pcifrontSlice: Slice<PcifrontState> = {
  initial: () => ({}),
  on: {
    'pcifront.probed': (fronts, { data }) => {
      fronts[data.domid] ??= {
        state: 1,
        roots: [],
        devices: [],
        page: { pending: null, serving: null, expired: 0 },
        wakes: 0,
      };
    },
    'guest.resumed': (fronts, { data }) => {
      if (data.roots === '') return;
      fronts[data.domid] = {
        state: 1,
        roots: words(data.roots),
        devices: words(data.devices),
        page: { pending: null, serving: null, expired: 0 },
        wakes: 0,
        stale: true,
      };
    },
    'pcifront.changed': (fronts, { data }) => {
      const front = fronts[data.domid];
      if (front === undefined) return;
      front.state = data.state;
      front.roots = words(data.roots);
      front.devices = words(data.devices);
    },
    'pcifront.woke': (fronts, { data }) => {
      const front = fronts[data.domid];
      if (front !== undefined && front.wakes > 0) front.wakes -= 1;
    },
    'xenstore.fired': (fronts, { data }) => {
      if (data.token !== FRONTEND_TOKEN) return;
      const front = fronts[Number(data.conn.slice(1))];
      if (front !== undefined) front.wakes = 1;
    },
    'pciif.submitted': (fronts, { data }) => {
      const front = fronts[data.domid];
      if (front === undefined || front.page.pending !== null) return;
      if (front.state !== 4 && front.stale !== true) return;
      const { cmd, sbdf, offset, size, value } = data;
      front.page.pending = { cmd, sbdf, offset, size, value };
    },
    'pciif.started': (fronts, { data }) => {
      const page = fronts[data.domid]?.page;
      if (page !== undefined) page.serving = page.pending === null ? null : { ...page.pending };
    },
    'pciif.finished': (fronts, { data }) => {
      const page = fronts[data.domid]?.page;
      if (page === undefined) return;
      page.serving = null;
      page.pending = null;
    },
    'pciif.expired': (fronts, { data }) => {
      const page = fronts[data.domid]?.page;
      if (page === undefined || page.pending === null) return;
      page.pending = null;
      page.expired += 1;
    },
    'aer.asked': (fronts, { data }) => {
      const front = fronts[data.domid];
      const { sbdf, fatal, cmd, status } = data;
      if (front !== undefined) front.aer = { sbdf, fatal, cmd, status };
    },
    'aer.answered': (fronts, { data }) => {
      delete fronts[data.domid]?.aer;
    },
    'domain.destroyed': (fronts, { data }) => {
      delete fronts[data.domid];
    },
  },
};
