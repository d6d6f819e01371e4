import type { Slice } from './slice.js';

/** A device pciback holds. @source facts/dom0 4.4 */
export interface StubDevice {
  permissive: boolean;
  allowInterruptControl: boolean;
  warnedOnWrite: boolean;
  enabled: boolean;
  enableIntx: boolean;
  isBusmaster: boolean;
  command: number;
  sizing: Record<number, true>;
  quirks: { offset: number; size: 1 | 2 | 4; mask: number }[];
  isrOn: boolean;
  ackIntr: boolean;
  /** Registers as they were at bind time, by offset. */
  saved: Record<number, number>;
  /** The guest whose backend instance has it. */
  exportedTo: number | null;
  /** Interrupt kind the guest switched on through the page. */
  msi: 'none' | 'msi' | 'msix';
  /** Pirqs mapped for it, of the guest's numbering. */
  pirqs: number[];
}

/** pciback's instance for one guest. */
export interface Backend {
  /** XenbusState it set last. */
  state: number;
  connected: boolean;
  /** Exported devices by their packed guest address. */
  devices: Record<number, number>;
  /** Their guest addresses, in the order of export. */
  order: number[];
}

/** A watch event that waits for the worker. */
export interface Wake {
  source: 'bus' | 'be' | 'fe';
  domid: number;
}

export interface PcibackState {
  running: boolean;
  passthrough: boolean;
  permissiveGlobal: boolean;
  pvSupport: boolean;
  /** Dom0Sbdfs it seizes, in order of listing. */
  slots: number[];
  /** By Dom0Sbdf. */
  devices: Record<number, StubDevice>;
  /** The same devices, the one seized first first. */
  seized: number[];
  /** By guest. */
  backends: Record<number, Backend>;
  /** Oldest first; one entry per source and guest is enough, as a pass looks at everything. */
  wakes: Wake[];
  /** The event the worker has taken. */
  current: Wake | null;
}

/** XenStore connection of a kernel. */
export const kernelConnection = (domid: number): string => `k${domid}`;
export const tokens = { bus: 'backend', be: 'be:', fe: 'fe:' } as const;

export const pcibackSlice: Slice<PcibackState> = {
  initial: () => ({
    running: false,
    passthrough: false,
    permissiveGlobal: false,
    pvSupport: true,
    slots: [],
    devices: {},
    seized: [],
    backends: {},
    wakes: [],
    current: null,
  }),
  on: {
    'pciback.loaded': (back, { data }) => {
      back.passthrough = data.passthrough;
      back.permissiveGlobal = data.permissive;
      back.pvSupport = data.pvSupport;
    },
    'pciback.module-changed': (back, { data }) => {
      back.running = data.running;
    },
    'pciback.unloaded': (back) => {
      back.running = false;
      back.wakes = [];
    },
    'owner.went': (back) => {
      Object.assign(back, {
        running: false,
        slots: [],
        devices: {},
        seized: [],
        backends: {},
        wakes: [],
        current: null,
      });
    },
    'store.emptied': (back) => {
      back.wakes = [];
    },
    'pciback.slot-changed': (back, { data }) => {
      back.slots = back.slots.filter((slot) => slot !== data.sbdf);
      if (data.listed) back.slots.push(data.sbdf);
    },
    'pciback.seized': (back, { data }) => {
      back.seized = [...back.seized.filter((one) => one !== data.sbdf), data.sbdf];
      back.devices[data.sbdf] = {
        permissive: false,
        allowInterruptControl: false,
        warnedOnWrite: false,
        enabled: false,
        enableIntx: false,
        isBusmaster: false,
        command: data.command,
        sizing: {},
        quirks: [],
        isrOn: false,
        ackIntr: false,
        saved: { ...(data.saved as Record<number, number>) },
        exportedTo: null,
        msi: 'none',
        pirqs: [],
      };
    },
    'pciback.let-go': (back, { data }) => {
      delete back.devices[data.sbdf];
      back.seized = back.seized.filter((one) => one !== data.sbdf);
      for (const backend of Object.values(back.backends)) forget(backend, data.sbdf);
    },
    'pciback.policy-changed': (back, { data }) => {
      const device = back.devices[data.sbdf];
      if (device !== undefined) Object.assign(device, data.patch);
    },
    'pciback.backend-changed': (back, { data }) => {
      if (data.state === 0) {
        delete back.backends[data.domid];
        back.wakes = back.wakes.filter((wake) => wake.domid !== data.domid || wake.source === 'bus');
        return;
      }
      const backend = back.backends[data.domid];
      if (backend === undefined) {
        back.backends[data.domid] = { state: data.state, connected: data.connected, devices: {}, order: [] };
      } else {
        backend.state = data.state;
        backend.connected = data.connected;
      }
    },
    'pciback.exported': (back, { data }) => {
      const backend = back.backends[data.domid];
      const device = back.devices[data.sbdf];
      if (backend === undefined || device === undefined) return;
      backend.devices[data.virtual] = data.sbdf;
      backend.order = [...backend.order.filter((at) => at !== data.virtual), data.virtual];
      device.exportedTo = data.domid;
    },
    'pciback.unexported': (back, { data }) => {
      const backend = back.backends[data.domid];
      if (backend !== undefined) forget(backend, data.sbdf);
      const device = back.devices[data.sbdf];
      if (device !== undefined) device.exportedTo = null;
    },
    'xenstore.fired': (back, { data }) => {
      const wake = wakeOf(data.token, data.path);
      if (wake === null || !data.conn.startsWith('k')) return;
      const waits = back.wakes.some((one) => one.source === wake.source && one.domid === wake.domid);
      if (!waits) back.wakes.push(wake);
    },
    'pciback.woke': (back) => {
      back.current = back.wakes.shift() ?? null;
    },
  },
};

function wakeOf(token: string, path: string): Wake | null {
  if (token === tokens.bus) {
    const match = /^backend\/pci\/(\d+)(?:\/0|$)/.exec(path);
    return match === null ? null : { source: 'bus', domid: Number(match[1]) };
  }
  if (token.startsWith(tokens.be)) return { source: 'be', domid: Number(token.slice(3)) };
  if (token.startsWith(tokens.fe)) return { source: 'fe', domid: Number(token.slice(3)) };
  return null;
}

function forget(backend: Backend, sbdf: number): void {
  for (const [at, held] of Object.entries(backend.devices)) {
    if (held === sbdf) delete backend.devices[Number(at)];
  }
  backend.order = backend.order.filter((at) => backend.devices[at] !== undefined);
}
