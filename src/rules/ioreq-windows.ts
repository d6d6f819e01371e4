import { hex } from '../base/hex.js';
import { containsRange } from '../base/rangeset.js';
import type { EventOf } from '../events/catalogue.js';
import type { ReadonlyGuest } from '../models/xen/ioreq/guest.js';
import { formatSbdf } from '../pci/sbdf.js';
import { guestName, nothing, serverName } from './guest-names.js';
import type { Rule, Watching } from './rule.js';

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

/** Rules about the ECAM windows of guests, which Xen knows nothing of. */
export const ecamWindowRules = { cf8AndEcam, staleWindow } as const;
