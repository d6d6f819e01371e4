import { hex } from '../base/hex.js';
import { overlapsRange } from '../base/rangeset.js';
import type { EventOf } from '../events/catalogue.js';
import { decodePciexbar } from '../models/qemu/chipset/mch.js';
import { bdf, formatSbdf } from '../pci/sbdf.js';
import type { Rule, Watching } from './rule.js';

const nothing = { function: null } as const;

/** An access in the window the guest wrote and Xen has not been told of. */
function inUnreportedWindow(
  { domid, addr }: { readonly domid: number; readonly addr: number },
  { state, env }: Watching,
): { readonly base: number; readonly known: number | null } | null {
  const chipset = env.policies.mmconfig === 'notify' ? state.mmconfig[domid] : undefined;
  if (chipset === undefined) return null;
  const written = decodePciexbar(chipset.written.low, chipset.written.high, 'qemu');
  if (written.kind === 'reserved' || !written.enabled) return null;
  const known = chipset.window;
  if (known !== null && known.base === written.base && known.enabled) return null;
  const inside = addr >= written.base && addr < written.base + written.sizeBytes;
  return inside ? { base: written.base, known: known?.base ?? null } : null;
}

const unreported: Rule = {
  code: 'IOR-011',
  severity: 'error',
  title: 'An access fell between a write of PCIEXBAR and its report',
  doc: 'Under the design `notify` Xen learns of a moved ECAM window from the device model: until then accesses in the new window are plain memory and reach nobody or the wrong server.',
  watch: () => {
    const check = (
      data: { readonly domid: number; readonly addr: number },
      reached: string,
      watching: Watching,
    ): void => {
      const gap = inUnreportedWindow(data, watching);
      if (gap === null) return;
      watching.report({
        ...nothing,
        message: `d${data.domid} reached ${reached} at ${hex(data.addr)}: the guest has its ECAM window at ${hex(gap.base)}, Xen knows ${gap.known === null ? 'none' : hex(gap.known)}`,
        evidence: {
          addr: hex(data.addr),
          written: hex(gap.base),
          known: gap.known === null ? null : hex(gap.known),
        },
      });
    };
    return {
      'ioreq.unclaimed': ({ data }, watching) => {
        if (data.type === 'memory') check(data, 'nobody', watching);
      },
      'ioreq.sent': ({ data }, watching) => {
        if (data.type === 'copy') check(data, watching.serverName(data.domid, data.server), watching);
      },
    };
  },
};

/** Secondary bus in a write to the bus-number register; null for other accesses. */
function secondaryWritten({ data }: EventOf<'ioreq.sent'>): number | null {
  if (data.type !== 'pci_config' || data.dir !== 'write') return null;
  if (data.reg === 0x18 && data.size === 4) return (data.data >>> 8) & 0xff;
  return data.reg === 0x19 && data.size === 1 ? data.data & 0xff : null;
}

const renumbered: Rule = {
  code: 'BRG-003',
  severity: 'error',
  title: 'A bus was renumbered under a live server',
  doc: 'A server registered functions under a bus number that the guest has taken away from their port; device models register once and are not told.',
  watch: () => {
    const buses = new Map<string, number>();
    const check = (
      domid: number,
      port: number,
      bus: number,
      { state, report, serverName }: Watching,
    ): void => {
      const key = `${domid}:${port}`;
      const before = buses.get(key) ?? 0;
      buses.set(key, bus);
      if (before === 0 || before === bus) return;
      const owner = state.ioreq[domid]?.servers.findIndex(
        (server) => server !== null && overlapsRange(server.ranges[2], bdf(before, 0, 0), bdf(before, 31, 7)),
      );
      if (owner === undefined || owner < 0) return;
      report({
        ...nothing,
        message: `d${domid} made the bus behind ${formatSbdf(port)} number ${bus}; ${serverName(domid, owner)} has functions registered on bus ${before}`,
        evidence: { port: formatSbdf(port), before, bus, server: owner },
      });
    };
    return {
      'ioreq.sent': (event, watching) => {
        const bus = secondaryWritten(event);
        if (bus !== null) check(event.data.domid, event.data.sbdf ?? 0, bus, watching);
      },
      'chipset.changed': ({ data }, watching) => {
        if (data.reg === 0x18) check(data.domid, data.sbdf, (data.value >>> 8) & 0xff, watching);
      },
      'domain.destroyed': ({ data }) => {
        for (const key of buses.keys()) if (key.startsWith(`${data.domid}:`)) buses.delete(key);
      },
    };
  },
};

/** The server with a function; -1 for none. Ids from 7 down, as Xen selects. */
const serverWith = (state: Watching['state'], domid: number, sbdf: number): number =>
  state.ioreq[domid]?.servers.findLastIndex(
    (server) => server?.enabled === true && overlapsRange(server.ranges[2], sbdf, sbdf),
  ) ?? -1;

const lostMessage: Rule = {
  code: 'BRG-010',
  severity: 'error',
  title: 'An error or power-management event reaches no root port of the guest',
  doc: "A function's message ended in a device model that cannot raise it: the port above the function belongs to another server, or to QEMU, whose ports have no PME interrupt enable.",
  watch: () => {
    const ports = new Map<string, number>();
    const note = (domid: number, port: number, bus: number): void => {
      ports.set(`${domid}:${bus}`, port);
    };
    return {
      'ioreq.sent': (event) => {
        const bus = secondaryWritten(event);
        if (bus !== null && bus !== 0) note(event.data.domid, event.data.sbdf ?? 0, bus);
      },
      'message.forwarded': ({ data }, { state, report }) => {
        const { domid, message, source, to } = data;
        if (to === 'xen') return;
        const port = data.port ?? ports.get(`${domid}:${source >>> 8}`) ?? null;
        const owner = port === null ? -1 : serverWith(state, domid, port);
        const pme = message === 'PM_PME';
        if (to !== 'nobody' && !pme && owner >= 0 && to === `server:${owner}`) return;
        const name = port === null ? 'no root port is known above it' : `${formatSbdf(port)} above it`;
        const why =
          to === 'nobody'
            ? data.why
            : pme
              ? `${to} was told, and ${port === null ? name : `PME enable of ${formatSbdf(port)} cannot be set in QEMU`}`
              : `${to} was told, ${port === null ? `and ${name}` : `${name} is server ${owner}'s`}`;
        report({
          ...nothing,
          message: `${message} of ${formatSbdf(source)} in d${domid} is lost: ${why}`,
          evidence: {
            message,
            source: formatSbdf(source),
            told: to,
            port: port === null ? null : formatSbdf(port),
          },
        });
      },
      'domain.destroyed': ({ data }) => {
        for (const key of ports.keys()) if (key.startsWith(`${data.domid}:`)) ports.delete(key);
      },
    };
  },
};

const wrongPort: Rule = {
  code: 'BRG-011',
  severity: 'error',
  title: 'A server answers for a bus that stands behind another port now',
  doc: 'The guest took a bus number from the port whose functions a server has registered and gave it to another port: the server goes on answering for it, so its functions turn up in the wrong slot.',
  watch: () => {
    /** By guest and bus: the port it stands behind. By guest, server and bus: the port it was registered behind. */
    const now = new Map<string, number>();
    const placed = new Map<string, number>();
    const reported = new Set<string>();
    const moved = (domid: number, port: number, bus: number, { state }: Watching): void => {
      for (const [key, other] of now) if (other === port && key.startsWith(`${domid}:`)) now.delete(key);
      if (bus === 0) return;
      now.set(`${domid}:${bus}`, port);
      state.ioreq[domid]?.servers.forEach((server, id) => {
        if (server === null || !overlapsRange(server.ranges[2], bdf(bus, 0, 0), bdf(bus, 31, 7))) return;
        if (!placed.has(`${domid}:${id}:${bus}`)) placed.set(`${domid}:${id}:${bus}`, port);
      });
    };
    return {
      'range.mapped': ({ data }) => {
        if (data.type !== 'pci') return;
        const bus = data.start >>> 8;
        const port = now.get(`${data.domid}:${bus}`);
        if (port !== undefined) placed.set(`${data.domid}:${data.server}:${bus}`, port);
      },
      'ioreq.sent': (event, watching) => {
        const { domid, server, sbdf, type } = event.data;
        const bus = secondaryWritten(event);
        if (bus !== null) moved(domid, sbdf ?? 0, bus, watching);
        if (type !== 'pci_config' || sbdf === null || sbdf < 0x100) return;
        const { mmconfig } = watching.env.policies;
        // Where Xen follows the ports, the name in a request is the registered one, not the guest's.
        if (mmconfig === 'xen-chipset' || mmconfig === 'transparent') return;
        const port = now.get(`${domid}:${sbdf >>> 8}`);
        const home = placed.get(`${domid}:${server}:${sbdf >>> 8}`);
        const key = `${domid}:${server}:${sbdf}:${port}`;
        if (port === undefined || home === undefined || home === port || reported.has(key)) return;
        if (reported.size >= PLACES) return;
        reported.add(key);
        watching.report({
          ...nothing,
          message: `server ${server} answers for ${formatSbdf(sbdf)} in d${domid}, registered while its bus stood behind ${formatSbdf(home)}; it stands behind ${formatSbdf(port)} now`,
          evidence: {
            sbdf: formatSbdf(sbdf),
            server,
            registeredBehind: formatSbdf(home),
            port: formatSbdf(port),
          },
        });
      },
      'domain.destroyed': ({ data }) => {
        for (const map of [now, placed])
          for (const key of map.keys()) if (key.startsWith(`${data.domid}:`)) map.delete(key);
      },
    };
  },
};

/** Places a rule reports before it falls silent. */
const PLACES = 4096;

/** Rules about the designs of 2018. @source facts/xen 13.3; facts/q35-qemu 3.3 */
export const designRules: readonly Rule[] = [unreported, renumbered, lostMessage, wrongPort];
