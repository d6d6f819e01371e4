import type { EventSeq } from '../base/brand.js';
import { hex } from '../base/hex.js';
import { containsRange, overlapsRange } from '../base/rangeset.js';
import type { EventOf } from '../events/catalogue.js';
import { formatSbdf } from '../pci/sbdf.js';
import { staleBusMap } from './bus-map.js';
import { guestName, nothing } from './guest-names.js';
import { ecamWindowRules } from './ioreq-windows.js';
import type { Rule, Watching } from './rule.js';

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
      'ioreq.unclaimed': ({ data }, { report, serverName }) => {
        if (data.sbdf === null) return;
        const key = `${data.domid}:${data.sbdf}`;
        const before = servers.get(key);
        if (before === undefined || reported.has(key)) return;
        reported.add(key);
        report({
          ...nothing,
          message: `${guestName(data.domid)} ${data.dir === 'read' ? 'read' : 'wrote'} register ${hex(data.reg ?? 0)} of ${formatSbdf(data.sbdf)}, which ${serverName(data.domid, before)} answered for before and nobody does now`,
          evidence: { sbdf: formatSbdf(data.sbdf), before },
        });
      },
      'domain.destroyed': ({ data }) => {
        for (const key of servers.keys()) if (key.startsWith(`${data.domid}:`)) servers.delete(key);
      },
    };
  },
};

/** An end of a range: functions by name. */
const placeText = (type: 'port' | 'memory' | 'pci', at: number): string =>
  type === 'pci' ? formatSbdf(at) : hex(at);

const overlap: Rule = {
  code: 'IOR-003',
  severity: 'warning',
  title: 'Two servers of a guest registered the same place',
  doc: 'Xen refuses an overlap inside one server only; between servers the higher id silently wins.',
  watch: () => ({
    'range.mapped': ({ data }, { state, report, serverName }) => {
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
        message: `${data.type} range ${placeText(data.type, data.start)}..${placeText(data.type, data.end)} of ${serverName(data.domid, data.server)} in ${guestName(data.domid)} overlaps ${others.map((id) => serverName(data.domid, id)).join(', ')}; ${serverName(data.domid, winner)} wins where it has the whole access`,
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
    'ioreq.orphaned': ({ data }, { report, serverName }) => {
      report({
        ...nothing,
        message: `virtual CPU ${data.vcpu} of ${guestName(data.domid)} waits for ${serverName(data.domid, data.server)}, which is gone: nothing will wake it`,
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
    'ioreq.unsent': ({ data }, { report, serverName }) => {
      report({
        ...nothing,
        message: `${serverName(data.domid, data.server)} of ${guestName(data.domid)} cannot be given a request: ${data.reason}`,
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
      'ioreq.completed': ({ data }, { state, report, serverName }) => {
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
          message: `${serverName(data.domid, data.server)} of ${guestName(data.domid)} answered for ${sent.sbdf === null ? hex(sent.addr) : formatSbdf(sent.sbdf)}, which it had given up while the request was under way`,
          evidence: { server: data.server, request: data.request },
        });
      },
      'ioreq.orphaned': ({ data }) => {
        if (data.request !== null) flights.delete(data.request);
      },
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
      'io.requested': ({ atNs }, { report, serverName }) => {
        for (const [key, sent] of flights) {
          if (atNs - sent.atNs < ANSWER_NS) continue;
          flights.delete(key);
          const { domid, vcpu, server } = sent.data;
          report({
            ...nothing,
            message: `${serverName(domid, server)} of ${guestName(domid)} owes virtual CPU ${vcpu} an answer since event ${sent.seq}`,
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
    'ioreq.unclaimed': ({ data }, { state, report, serverName }) => {
      if (data.type === 'pci') return;
      const set = data.type === 'port' ? 0 : 1;
      const owner = (state.ioreq[data.domid]?.servers ?? []).findLastIndex(
        (server) => server?.enabled === true && containsRange(server.ranges[set], data.addr, data.addr),
      );
      if (owner < 0) return;
      report({
        ...nothing,
        message: `${data.size}-byte ${data.dir} at ${hex(data.addr)} in ${guestName(data.domid)} starts in a range of ${serverName(data.domid, owner)} and leaves it: nobody answers`,
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
  ecamWindowRules.cf8AndEcam,
  lostFunction,
  overlap,
  orphaned,
  protocol,
  removedInFlight,
  ecamWindowRules.staleWindow,
  unanswered,
  partial,
  latchRace,
  ecamWindowRules.outsideAnyWindow,
  staleBusMap,
];
