import type { GuestSbdf } from '../pci/sbdf.js';
import type { Slice } from './slice.js';

export interface MmconfigWindow {
  base: number;
  sizeBytes: number;
  enabled: boolean;
}

/** What Xen knows of one guest's chipset under the designs of 2018. */
export interface GuestChipset {
  /** The ECAM window as Xen believes it to be; null before anything was said. */
  window: MmconfigWindow | null;
  /** PCIEXBAR as the guest last wrote it, whether Xen has been told or not. */
  written: { low: number; high: number };
  /** Registers by SBDF and offset that left their reset value. */
  registers: Record<number, Record<number, number>>;
  detected: string | null;
  /** Chipset access each virtual CPU has under way. */
  pending: Record<
    number,
    { sbdf: GuestSbdf; reg: number; size: number; dir: 'read' | 'write'; value: number }
  >;
  /** By port: its secondary bus now, and the one its functions were registered under. */
  ports: Record<number, { bus: number; registered: number }>;
  /** By port and server: the bus in the names the server registered for what stands behind the port. */
  placed: Record<number, Record<number, number>>;
  /** By port: requester ids of power-management events behind the one its root status shows. */
  pmes: Record<number, number[]>;
  lost: string[];
}

/** By domain id. */
export type MmconfigState = Record<number, GuestChipset>;

const fresh = (): GuestChipset => ({
  window: null,
  written: { low: 0xb000_0000, high: 0 },
  registers: {},
  detected: null,
  pending: {},
  ports: {},
  placed: {},
  pmes: {},
  lost: [],
});

function of(state: MmconfigState, domid: number): GuestChipset {
  state[domid] ??= fresh();
  return state[domid]!;
}

const PCIEXBAR = 0x60;

export const mmconfigSlice: Slice<MmconfigState> = {
  initial: () => ({}),
  on: {
    'chipset.touched': (state, { data }) => {
      const guest = of(state, data.domid);
      const { vcpu, sbdf, reg, size, dir, value } = data;
      if (data.served) delete guest.pending[vcpu];
      else guest.pending[vcpu] = { sbdf, reg, size, dir, value };
      if (data.served || dir !== 'write' || sbdf !== 0) return;
      if (reg === PCIEXBAR && size === 4) guest.written.low = value;
      if (reg === PCIEXBAR + 4 && size === 4) guest.written.high = value;
    },
    'chipset.changed': (state, { data }) => {
      const guest = of(state, data.domid);
      guest.registers[data.sbdf] ??= {};
      guest.registers[data.sbdf]![data.reg] = data.value;
    },
    'chipset.detected': (state, { data }) => {
      of(state, data.domid).detected = data.chipset;
    },
    'facility.lost': (state, { data }) => {
      of(state, data.domid).lost.push(data.facility);
    },
    'mmconfig.changed': (state, { data: { domid, base, sizeBytes, enabled } }) => {
      of(state, domid).window = { base, sizeBytes, enabled };
    },
    'bus.learnt': (state, { data }) => {
      of(state, data.domid).ports[data.port] = { bus: data.bus, registered: data.registered };
    },
    'registration.placed': (state, { data }) => {
      const { placed } = of(state, data.domid);
      placed[data.port] ??= {};
      placed[data.port]![data.server] = data.bus;
    },
    'pme.queued': (state, { data }) => {
      const { pmes } = of(state, data.domid);
      pmes[data.port] ??= [];
      if (data.waits) pmes[data.port]!.push(data.source);
      else pmes[data.port]!.shift();
    },
    'server.destroyed': (state, { data }) => {
      for (const servers of Object.values(state[data.domid]?.placed ?? {})) delete servers[data.server];
    },
    'domain.destroyed': (state, { data }) => {
      delete state[data.domid];
    },
  },
};
