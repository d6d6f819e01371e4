import { addRange, emptyRangeSet, removeRange } from '../base/rangeset.js';
import type { DataOf } from '../events/catalogue.js';
import {
  type BufferedSlot,
  type GuestIo,
  hvmParam,
  type IoreqServer,
  type IoreqState,
  newGuest,
  type RequestSlot,
} from './guest-io.js';
import type { Slice } from './slice.js';

const RING_SLOTS = 511;
/** Bits of the mask Xen keeps them in: it refuses more. @source xen/arch/x86/hvm/hvm.c, hvm_allow_set_param */
const MOST_SERVER_PAGES = 64;
const RANGE_INDEX = { port: 0, memory: 1, pci: 2 } as const;
const TYPE_NUMBER = { pio: 0, copy: 1, pci_config: 2, timeoffset: 7, invalidate: 8 } as const;

const emptySlot = (): RequestSlot => ({ state: 0, data: 0, dataHigh: 0, eport: 0, pending: false, seen: 0 });

function slotOf(server: IoreqServer, vcpu: number): RequestSlot {
  server.slots[vcpu] ??= emptySlot();
  return server.slots[vcpu];
}

/** Drops a virtual CPU from the waiting ones when nothing is left that it waits for. */
function stopWaiting(guest: GuestIo, vcpu: number): void {
  if (guest.waiting[vcpu]?.request !== null) return;
  if (!guest.servers.some((server) => server?.slots[vcpu]?.pending === true)) delete guest.waiting[vcpu];
}

/**
 * Enabling and disabling take a page that was given as a guest frame out of the guest or put it back, and clear it each
 * time; pages acquired as a resource keep their content.
 * @source xen/arch/x86/hvm/ioreq.c, hvm_remove_ioreq_gfn and hvm_add_ioreq_gfn
 */
function clearGfnPages(server: IoreqServer): void {
  if (server.page === 'gfn') {
    for (const slot of Object.values(server.slots))
      Object.assign(slot, { state: 0, data: 0, dataHigh: 0, eport: 0 });
  }
  if (server.bufPage === 'gfn') server.ring = { read: 0, write: 0, slots: {} };
}

function releaseGfn(guest: GuestIo, gfn: number | null): void {
  if (gfn === null) return;
  for (const param of [hvmParam.IOREQ_PFN, hvmParam.BUFIOREQ_PFN]) {
    if (guest.params[param] !== gfn) continue;
    guest.freeLegacy.push(param);
    guest.freeLegacy.sort((a, b) => a - b);
    return;
  }
  guest.freeGfns.push(gfn - (guest.params[hvmParam.IOREQ_SERVER_PFN] ?? 0));
  guest.freeGfns.sort((a, b) => a - b);
}

/** Puts a request into the ring; 8-byte data takes two slots. @source facts/xen 4.4 */
function pushBuffered(server: IoreqServer, data: DataOf<'ioreq.sent'>): void {
  const { ring } = server;
  const slot: BufferedSlot = {
    type: TYPE_NUMBER[data.type],
    dir: data.dir === 'read' ? 1 : 0,
    sizeLog2: Math.log2(data.size),
    addr: data.addr,
    data: data.data,
  };
  ring.slots[ring.write % RING_SLOTS] = slot;
  if (data.size === 8) ring.slots[(ring.write + 1) % RING_SLOTS] = { ...slot, data: data.dataHigh };
  ring.write = (ring.write + (data.size === 8 ? 2 : 1)) >>> 0;
  if (server.bufioreq !== 2) return;
  const whole = Math.floor(ring.read / RING_SLOTS) * RING_SLOTS;
  ring.read -= whole;
  ring.write = (ring.write - whole) >>> 0;
}

export const ioreqSlice: Slice<IoreqState> = {
  initial: () => ({}),
  on: {
    'domain.created': (guests, { data }) => {
      if (data.type !== 'pv') guests[data.domid] = newGuest(data);
    },
    'domain.built': (guests, { data }) => {
      if (data.type !== 'pv') guests[data.domid] = newGuest(data);
    },
    'domain.configured': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined) return;
      guest.vcpus = data.vcpus;
      guest.cpuVendor = data.cpuVendor;
      guest.cpuFamily = data.cpuFamily;
      guest.hostCf8Ext = data.hostCf8Ext;
      guest.hap = data.hap;
      guest.trapUnmapped = data.trapUnmapped;
      if (data.maxGfn !== null) guest.maxGfn = data.maxGfn;
    },
    'domain.dying': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest !== undefined) guest.dying = true;
    },
    'domain.destroyed': (guests, { data }) => {
      delete guests[data.domid];
    },
    'domain.stopped': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined) return;
      guest.stopped ??= data.reason;
      if (data.reason !== 'crash') return;
      guest.waiting = {};
      for (const server of guest.servers) {
        if (server === null) continue;
        for (const slot of Object.values(server.slots)) slot.pending = false;
      }
    },
    'io.requested': (guests, { data }) => {
      const guest = guests[data.domid];
      // The virtual CPU ran, so an event queued for it has been taken.
      if (guest?.injected[data.vcpu] !== undefined) delete guest.injected[data.vcpu];
    },
    'io.completed': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined || data.result === 'blocked') return;
      guest.ended[data.vcpu] = { request: data.request, value: data.value, valueHigh: data.valueHigh };
      if (guest.waiting[data.vcpu]?.request === data.request) delete guest.waiting[data.vcpu];
    },
    'cf8.latched': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest !== undefined) guest.cf8 = data.value;
    },
    'cmos.indexed': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest !== undefined) guest.cmosIndex = data.index;
    },
    'server.created': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined || guest.servers[data.server] === undefined) return;
      const ports: Record<number, number> = {};
      for (const [vcpu, port] of Object.entries(data.ports)) {
        if (typeof port !== 'number') continue;
        ports[Number(vcpu)] = port;
        guest.usedPorts[port] = true;
      }
      if (data.bufioreqPort !== null) guest.usedPorts[data.bufioreqPort] = true;
      guest.servers[data.server] = {
        emulator: data.emulator,
        enabled: false,
        bufioreq: data.bufioreq,
        ports,
        bufioreqPort: data.bufioreqPort,
        page: 'none',
        gfn: null,
        bufPage: 'none',
        bufGfn: null,
        slots: {},
        ring: { read: 0, write: 0, slots: {} },
        ranges: [emptyRangeSet(), emptyRangeSet(), emptyRangeSet()],
      };
    },
    'server.page': (guests, { data }) => {
      const guest = guests[data.domid];
      const server = guest?.servers[data.server];
      if (guest === undefined || server === undefined || server === null) return;
      if (data.page === 'ioreq') {
        server.page = data.how;
        server.gfn = data.gfn;
      } else {
        server.bufPage = data.how;
        server.bufGfn = data.gfn;
      }
      if (data.gfn === null) return;
      const index = guest.freeGfns.indexOf(data.gfn - (guest.params[hvmParam.IOREQ_SERVER_PFN] ?? 0));
      if (index >= 0) guest.freeGfns.splice(index, 1);
      else guest.freeLegacy = guest.freeLegacy.filter((param) => guest.params[param] !== data.gfn);
    },
    'server.enabled': (guests, { data }) => {
      const guest = guests[data.domid];
      const server = guest?.servers[data.server];
      if (server === undefined || server === null) return;
      server.enabled = true;
      clearGfnPages(server);
      if (server.page === 'none') return;
      for (const vcpu of Object.keys(server.ports))
        slotOf(server, Number(vcpu)).eport = server.ports[Number(vcpu)]!;
    },
    'server.disabled': (guests, { data }) => {
      const server = guests[data.domid]?.servers[data.server];
      if (server === undefined || server === null) return;
      server.enabled = false;
      clearGfnPages(server);
    },
    'server.destroyed': (guests, { data }) => {
      const guest = guests[data.domid];
      const server = guest?.servers[data.server];
      if (guest === undefined || server === undefined || server === null) return;
      for (const port of Object.values(server.ports)) delete guest.usedPorts[port];
      if (server.bufioreqPort !== null) delete guest.usedPorts[server.bufioreqPort];
      releaseGfn(guest, server.gfn);
      releaseGfn(guest, server.bufGfn);
      guest.servers[data.server] = null;
    },
    'range.mapped': (guests, { data }) => {
      const server = guests[data.domid]?.servers[data.server];
      if (server !== undefined && server !== null)
        addRange(server.ranges[RANGE_INDEX[data.type]], data.start, data.end);
    },
    'range.unmapped': (guests, { data }) => {
      const server = guests[data.domid]?.servers[data.server];
      if (server !== undefined && server !== null)
        removeRange(server.ranges[RANGE_INDEX[data.type]], data.start, data.end);
    },
    'ioreq.sent': (guests, { data }) => {
      const guest = guests[data.domid];
      const server = guest?.servers[data.server];
      if (guest === undefined || server === undefined || server === null) return;
      if (data.buffered) {
        pushBuffered(server, data);
        return;
      }
      const slot = slotOf(server, data.vcpu);
      Object.assign(slot, { state: 1, data: data.data, dataHigh: data.dataHigh, pending: true, seen: 1 });
      if (guest.waiting[data.vcpu] !== undefined && data.request === null) return;
      guest.waiting[data.vcpu] = {
        request: data.request,
        space: data.type === 'copy' ? 'mem' : 'port',
        size: data.size,
        dir: data.dir,
        count: data.count,
        dataIsPtr: data.dataIsPtr,
        data: data.data,
        dataHigh: data.dataHigh,
        servedBy: null,
      };
    },
    'ioreq.served': (guests, { data }) => {
      const server = guests[data.domid]?.servers[data.server];
      if (server === undefined || server === null || server.page === 'none') return;
      const slot = slotOf(server, data.vcpu);
      slot.state = data.state;
      slot.data = data.data;
      slot.dataHigh = data.dataHigh ?? 0;
      if (data.eport !== null) slot.eport = data.eport;
    },
    'ioreq.claimed': (guests, { data }) => {
      const slot = guests[data.domid]?.servers[data.server]?.slots[data.vcpu];
      if (slot !== undefined) slot.seen = slot.state;
    },
    'ioreq.completed': (guests, { data }) => {
      const guest = guests[data.domid];
      const slot = guest?.servers[data.server]?.slots[data.vcpu];
      if (guest === undefined || slot === undefined) return;
      slot.state = 0;
      slot.pending = false;
      slot.seen = 0;
      const waiting = guest.waiting[data.vcpu];
      if (waiting !== undefined && waiting.request !== null && waiting.request === data.request) {
        waiting.servedBy = data.server;
        if (!waiting.dataIsPtr) {
          waiting.data = data.data;
          waiting.dataHigh = data.dataHigh;
        }
      }
      stopWaiting(guest, data.vcpu);
    },
    'ioreq.drained': (guests, { data }) => {
      const server = guests[data.domid]?.servers[data.server];
      if (server !== undefined && server !== null && server.bufPage !== 'none')
        server.ring.read = (server.ring.read + data.taken) >>> 0;
    },
    'line.changed': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined) return;
      if (data.level) guest[data.line][data.index] = true;
      else delete guest[data.line][data.index];
    },
    'link.routed': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest?.links[data.link] !== undefined) guest.links[data.link] = data.isaIrq;
    },
    'event.injected': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest !== undefined) guest.injected[data.vcpu] = true;
    },
    'memtype.changed': (guests, { data }) => {
      const types = guests[data.domid]?.memTypes;
      if (types === undefined) return;
      for (const set of [types.ram_ro, types.mmio_dm, types.ioreq_server])
        removeRange(set, data.first, data.last);
      if (data.type !== 'ram_rw') addRange(types[data.type], data.first, data.last);
    },
    'memtype.claimed': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest !== undefined) guest.memServer = data.server;
    },
    'cacheattr.pinned': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined) return;
      guest.cacheattrs = guest.cacheattrs.filter(
        ({ start, end }) => start !== data.start || end !== data.end,
      );
      if (data.type !== null) guest.cacheattrs.push({ start: data.start, end: data.end, type: data.type });
    },
    'param.spent': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest !== undefined) guest.freeLegacy = guest.freeLegacy.filter((param) => param !== data.index);
    },
    'param.changed': (guests, { data }) => {
      const guest = guests[data.domid];
      if (guest === undefined) return;
      guest.params[data.index] = data.value;
      if (data.index === hvmParam.NR_IOREQ_SERVER_PAGES) {
        const used = new Set(guest.servers.flatMap((server) => [server?.gfn ?? -1, server?.bufGfn ?? -1]));
        const base = guest.params[hvmParam.IOREQ_SERVER_PFN] ?? 0;
        const pages = Math.min(data.value, MOST_SERVER_PAGES);
        guest.freeGfns = Array.from({ length: pages }, (_, i) => i).filter((i) => !used.has(base + i));
      } else if (
        (data.index === hvmParam.IOREQ_PFN || data.index === hvmParam.BUFIOREQ_PFN) &&
        data.value !== 0 &&
        !guest.freeLegacy.includes(data.index)
      ) {
        guest.freeLegacy.push(data.index);
        guest.freeLegacy.sort((a, b) => a - b);
      }
    },
  },
};
