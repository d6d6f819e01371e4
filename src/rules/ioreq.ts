import type { EventSeq } from '../base/brand.js';
import { hex } from '../base/hex.js';
import { containsRange, overlapsRange } from '../base/rangeset.js';
import type { EventOf } from '../events/catalogue.js';
import type { ReadonlyGuest } from '../models/xen/ioreq/guest.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Rule, Watching } from './rule.js';

/** Findings about guests name no function of the machine. */
const nothing = { function: null } as const;

const guestName = (domid: number): string => `d${domid}`;
const serverName = (id: number): string => (id < 0 ? 'nobody' : `server ${id}`);

/** The enabled server that CF8/CFC would reach for a function; -1 for none. @source facts/xen 4.5 */
function pciServer(guest: ReadonlyGuest, name: number): number {
  for (let id = guest.servers.length - 1; id >= 0; id--) {
    const server = guest.servers[id];
    if (server?.enabled === true && containsRange(server.ranges[2], name, name)) return id;
  }
  return -1;
}

interface Window {
  readonly base: number;
  readonly sizeBytes: number;
}
/** What a rule has learnt of a guest's PCIEXBAR. */
interface EcamWindows {
  low: number;
  high: number;
  current: Window | null;
  former: Window[];
}

const inside = ({ base, sizeBytes }: Window, addr: number): boolean =>
  addr >= base && addr < base + sizeBytes;

/** Follows dword writes to PCIEXBAR of the memory controller hub at 00:00.0. @source facts/q35-qemu 1.3 */
function followPciexbar(known: Map<number, EcamWindows>, { data }: EventOf<'ioreq.sent'>): void {
  if (data.sbdf !== 0 || data.dir !== 'write' || data.size !== 4 || (data.reg !== 0x60 && data.reg !== 0x64))
    return;
  const windows = known.get(data.domid) ?? { low: 0, high: 0, current: null, former: [] };
  known.set(data.domid, windows);
  if (data.reg === 0x60) windows.low = data.data;
  else windows.high = data.data;
  const code = (windows.low >>> 1) & 3;
  if (code === 3) return;
  const sizeBytes = 0x1000_0000 >>> code;
  const base = (windows.high & 0xf) * 0x1_0000_0000 + ((windows.low & 0xf000_0000 & -sizeBytes) >>> 0);
  const next = (windows.low & 1) === 0 ? null : { base, sizeBytes };
  const { current } = windows;
  if (current !== null && current.base !== next?.base) windows.former.push(current);
  windows.current = next;
  windows.former = windows.former.filter((window) => window.base !== next?.base);
}

const cf8AndEcam: Rule = {
  code: 'IOR-001',
  severity: 'error',
  title: 'CF8 and ECAM to one register reach different servers',
  doc: 'Through CF8/CFC Xen picks the server by SBDF, through the ECAM window by memory range: a driver that mixes both talks to two devices.',
  watch: () => {
    const known = new Map<number, EcamWindows>();
    const reported = new Set<string>();
    const check = (
      { domid, addr }: { readonly domid: number; readonly addr: number },
      reached: number,
      { state, report }: Watching,
    ): void => {
      const window = known.get(domid)?.current ?? null;
      const guest = state.ioreq[domid];
      if (window === null || guest === undefined || !inside(window, addr)) return;
      const name = Math.floor((addr - window.base) / 4096);
      const byName = pciServer(guest, name);
      if (byName < 0 || byName === reached || reported.has(`${domid}:${name}`)) return;
      reported.add(`${domid}:${name}`);
      report({
        ...nothing,
        message: `register ${hex((addr - window.base) % 4096)} of ${formatSbdf(name)} in ${guestName(domid)} is ${serverName(byName)} through CF8/CFC and ${serverName(reached)} through ECAM`,
        evidence: { sbdf: formatSbdf(name), cf8: byName, ecam: reached, addr: hex(addr) },
      });
    };
    return {
      'ioreq.sent': (event, watching) => {
        if (event.data.type === 'pci_config') followPciexbar(known, event);
        if (event.data.type === 'copy') check(event.data, event.data.server, watching);
      },
      'ioreq.unclaimed': ({ data }, watching) => {
        if (data.type === 'memory') check(data, -1, watching);
      },
      'domain.destroyed': ({ data }) => void known.delete(data.domid),
    };
  },
};

const lostFunction: Rule = {
  code: 'IOR-002',
  severity: 'error',
  title: 'A function that a server used to answer for is gone',
  doc: 'The guest asked for a function that some server has answered before, and no enabled server has it: reads give ones, writes vanish.',
  watch: () => {
    const servers = new Map<string, number>();
    const reported = new Set<string>();
    return {
      'ioreq.sent': ({ data }) => {
        if (data.sbdf !== null) servers.set(`${data.domid}:${data.sbdf}`, data.server);
      },
      'ioreq.unclaimed': ({ data }, { report }) => {
        if (data.sbdf === null) return;
        const key = `${data.domid}:${data.sbdf}`;
        const before = servers.get(key);
        if (before === undefined || reported.has(key)) return;
        reported.add(key);
        report({
          ...nothing,
          message: `${guestName(data.domid)} ${data.dir === 'read' ? 'read' : 'wrote'} register ${hex(data.reg ?? 0)} of ${formatSbdf(data.sbdf)}, which ${serverName(before)} answered for before and nobody does now`,
          evidence: { sbdf: formatSbdf(data.sbdf), before },
        });
      },
      'domain.destroyed': ({ data }) => {
        for (const key of servers.keys()) if (key.startsWith(`${data.domid}:`)) servers.delete(key);
      },
    };
  },
};

const overlap: Rule = {
  code: 'IOR-003',
  severity: 'warning',
  title: 'Two servers of a guest registered the same place',
  doc: 'Xen refuses an overlap inside one server only; between servers the higher id silently wins.',
  watch: () => ({
    'range.mapped': ({ data }, { state, report }) => {
      const guest = state.ioreq[data.domid];
      const set = data.type === 'port' ? 0 : data.type === 'memory' ? 1 : 2;
      const others = (guest?.servers ?? []).flatMap((server, id) =>
        server !== null && id !== data.server && overlapsRange(server.ranges[set], data.start, data.end)
          ? [id]
          : [],
      );
      if (others.length === 0) return;
      const winner = Math.max(data.server, ...others);
      report({
        ...nothing,
        message: `${data.type} range ${hex(data.start)}..${hex(data.end)} of ${serverName(data.server)} in ${guestName(data.domid)} overlaps ${others.map(serverName).join(', ')}; ${serverName(winner)} wins where it has the whole access`,
        evidence: { server: data.server, others, winner },
      });
    },
  }),
};

const orphaned: Rule = {
  code: 'IOR-004',
  severity: 'error',
  title: 'A virtual CPU waits for a server that was destroyed',
  doc: 'Destroying a server closes its event channels without a notification, so a virtual CPU that waits on one stays blocked inside Xen.',
  watch: () => ({
    'ioreq.orphaned': ({ data }, { report }) => {
      report({
        ...nothing,
        message: `virtual CPU ${data.vcpu} of ${guestName(data.domid)} waits for ${serverName(data.server)}, which is gone: nothing will wake it`,
        evidence: { vcpu: data.vcpu, server: data.server, request: data.request },
      });
    },
  }),
};

const protocol: Rule = {
  code: 'IOR-005',
  severity: 'error',
  title: 'A device model broke the request protocol',
  doc: 'It left a slot that was not free, changed the event channel or wrote a state that cannot follow; Xen drops the request or crashes the guest.',
  watch: () => ({
    'ioreq.unsent': ({ data }, { report }) => {
      report({
        ...nothing,
        message: `${serverName(data.server)} of ${guestName(data.domid)} cannot be given a request: ${data.reason}`,
        evidence: { server: data.server, vcpu: data.vcpu },
      });
    },
    'domain.stopped': ({ data, cause }, { report }) => {
      if (!data.why.startsWith('Weird HVM')) return;
      report({
        ...nothing,
        message: `${guestName(data.domid)} was crashed because of its device model: ${data.why}`,
        evidence: { turn: cause },
      });
    },
  }),
};

const removedInFlight: Rule = {
  code: 'IOR-006',
  severity: 'warning',
  title: 'An answer came from a server that had given the range up',
  doc: 'Selection happens when the request is sent; a range removed before the answer leaves the guest with data from the former owner.',
  watch: () => {
    const flights = new Map<EventSeq, EventOf<'ioreq.sent'>['data']>();
    return {
      'ioreq.sent': ({ data }) => {
        if (data.request !== null && !data.buffered) flights.set(data.request, data);
      },
      'ioreq.completed': ({ data }, { state, report }) => {
        const sent = data.request === null ? undefined : flights.get(data.request);
        if (data.request === null || sent === undefined) return;
        flights.delete(data.request);
        const ranges = state.ioreq[data.domid]?.servers[data.server]?.ranges;
        if (ranges === undefined) return;
        const [set, at] =
          sent.type === 'pci_config'
            ? [ranges[2], sent.sbdf ?? 0]
            : [ranges[sent.type === 'pio' ? 0 : 1], sent.addr];
        // Frames of type ioreq_server reach their server without any range.
        if (containsRange(set, at, at) || state.ioreq[data.domid]?.memServer === data.server) return;
        report({
          ...nothing,
          message: `${serverName(data.server)} of ${guestName(data.domid)} answered for ${sent.sbdf === null ? hex(sent.addr) : formatSbdf(sent.sbdf)}, which it had given up while the request was under way`,
          evidence: { server: data.server, request: data.request },
        });
      },
      'ioreq.orphaned': ({ data }) => {
        if (data.request !== null) flights.delete(data.request);
      },
    };
  },
};

const staleWindow: Rule = {
  code: 'IOR-007',
  severity: 'error',
  title: 'An access to a former ECAM window was answered',
  doc: 'The guest has moved PCIEXBAR, but a server still has the old window mapped and answers there.',
  watch: () => {
    const known = new Map<number, EcamWindows>();
    const reported = new Set<string>();
    return {
      'ioreq.sent': (event, { report }) => {
        const { data } = event;
        if (data.type === 'pci_config') followPciexbar(known, event);
        const windows = known.get(data.domid);
        if (data.type !== 'copy' || windows === undefined) return;
        if (windows.current !== null && inside(windows.current, data.addr)) return;
        const stale = windows.former.find((window) => inside(window, data.addr));
        if (stale === undefined || reported.has(`${data.domid}:${stale.base}`)) return;
        reported.add(`${data.domid}:${stale.base}`);
        report({
          ...nothing,
          message: `${serverName(data.server)} of ${guestName(data.domid)} answers at ${hex(data.addr)} in the ECAM window at ${hex(stale.base)}, which the guest has moved${windows.current === null ? ' away' : ` to ${hex(windows.current.base)}`}`,
          evidence: { server: data.server, addr: hex(data.addr), former: hex(stale.base) },
        });
      },
      'domain.destroyed': ({ data }) => void known.delete(data.domid),
    };
  },
};

/** No device answers that late; QEMU's slowest poll is a tenth of it. */
const ANSWER_NS = 1_000_000_000;

const unanswered: Rule = {
  code: 'IOR-008',
  severity: 'error',
  title: 'A device model has not answered for a second',
  doc: 'The virtual CPU waits inside Xen; the rest of the guest goes on until it needs that CPU.',
  watch: () => {
    const flights = new Map<string, EventOf<'ioreq.sent'>>();
    const over = ({ data }: { data: { domid: number; vcpu: number } }): void => {
      flights.delete(`${data.domid}:${data.vcpu}`);
    };
    return {
      'ioreq.sent': (event) => {
        if (!event.data.buffered) flights.set(`${event.data.domid}:${event.data.vcpu}`, event);
      },
      'ioreq.completed': over,
      'ioreq.orphaned': over,
      'io.requested': ({ atNs }, { report }) => {
        for (const [key, sent] of flights) {
          if (atNs - sent.atNs < ANSWER_NS) continue;
          flights.delete(key);
          const { domid, vcpu, server } = sent.data;
          report({
            ...nothing,
            message: `${serverName(server)} of ${guestName(domid)} owes virtual CPU ${vcpu} an answer since event ${sent.seq}`,
            evidence: { server, vcpu, sent: sent.seq },
          });
        }
      },
      'domain.stopped': ({ data }) => {
        for (const key of flights.keys()) if (key.startsWith(`${data.domid}:`)) flights.delete(key);
      },
    };
  },
};

const partial: Rule = {
  code: 'IOR-009',
  severity: 'warning',
  title: 'An access reaches beyond the range it starts in',
  doc: 'A server has the first byte but not all of the access; Xen hands out whole accesses only, so it went elsewhere or to nobody.',
  watch: () => ({
    'ioreq.unclaimed': ({ data }, { state, report }) => {
      if (data.type === 'pci') return;
      const set = data.type === 'port' ? 0 : 1;
      const owner = (state.ioreq[data.domid]?.servers ?? []).findLastIndex(
        (server) => server?.enabled === true && containsRange(server.ranges[set], data.addr, data.addr),
      );
      if (owner < 0) return;
      report({
        ...nothing,
        message: `${data.size}-byte ${data.dir} at ${hex(data.addr)} in ${guestName(data.domid)} starts in a range of ${serverName(owner)} and leaves it: nobody answers`,
        evidence: { server: owner, addr: hex(data.addr), size: data.size },
      });
    },
  }),
};

const latchRace: Rule = {
  code: 'IOR-010',
  severity: 'error',
  title: 'A virtual CPU used an address that another one had latched',
  doc: 'The latch behind port 0xCF8 belongs to the domain: without a lock between virtual CPUs, data lands in another function.',
  watch: () => {
    const own = new Map<string, number>();
    const check = (
      data: { readonly domid: number; readonly vcpu: number; readonly sbdf: number | null },
      { state, report }: Watching,
    ): void => {
      if (data.sbdf === null) return;
      const mine = own.get(`${data.domid}:${data.vcpu}`);
      const latch = state.ioreq[data.domid]?.cf8;
      if (mine === undefined || latch === undefined || mine === latch) return;
      own.delete(`${data.domid}:${data.vcpu}`);
      report({
        ...nothing,
        message: `virtual CPU ${data.vcpu} of ${guestName(data.domid)} meant ${formatSbdf((mine >>> 8) & 0xffff)} and reached ${formatSbdf(data.sbdf)}: another virtual CPU wrote the address in between`,
        evidence: { meant: hex(mine), latched: hex(latch), vcpu: data.vcpu },
      });
    };
    return {
      'cf8.latched': ({ data }) => void own.set(`${data.domid}:${data.vcpu}`, data.value),
      'ioreq.sent': ({ data }, watching) => check(data, watching),
      'ioreq.unclaimed': ({ data }, watching) => check(data, watching),
    };
  },
};

/** Rules about IOREQ servers and the accesses they get. */
export const ioreqRules: readonly Rule[] = [
  cf8AndEcam,
  lostFunction,
  overlap,
  orphaned,
  protocol,
  removedInFlight,
  staleWindow,
  unanswered,
  partial,
  latchRace,
];
