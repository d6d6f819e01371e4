import { hex } from '../base/hex.js';
import { containsRange, overlapsRange } from '../base/rangeset.js';
import type { EventOf } from '../events/catalogue.js';
import { decodePciexbar } from '../models/qemu/chipset/mch.js';
import type { ReadonlyGuest } from '../models/xen/ioreq/guest.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Window } from '../pci/windows.js';
import { type EcamWindows, isInside, nameInEcam } from './ecam-windows.js';
import { guestName, nothing } from './guest-names.js';
import { guestConfig, Reported } from './over-guest-config.js';
import type { Rule, Watching } from './rule.js';

/** The enabled server that CF8/CFC would reach for a function; -1 for none. @source facts/xen 4.5 */
function pciServer(guest: ReadonlyGuest, name: number): number {
  for (let id = guest.servers.length - 1; id >= 0; id--) {
    const server = guest.servers[id];
    if (server?.enabled === true && containsRange(server.ranges[2], name, name)) return id;
  }
  return -1;
}

const cf8AndEcam: Rule = {
  code: 'IOR-001',
  severity: 'error',
  title: 'CF8 and ECAM to one register reach different servers',
  doc: 'Through CF8/CFC Xen picks the server by SBDF, through the ECAM window by memory range: a driver that mixes both talks to two devices.',
  watch: (_env, shared) => {
    const config = guestConfig(shared);
    const reported = new Reported();
    const check = (
      { domid, addr }: { readonly domid: number; readonly addr: number },
      reached: number,
      { state, report, serverName }: Watching,
    ): void => {
      const window = config.guest(domid)?.ecam.current ?? null;
      const guest = state.ioreq[domid];
      const place = window === null ? null : nameInEcam(window, addr);
      if (place === null || guest === undefined) return;
      const { sbdf, at } = place;
      const byName = pciServer(guest, sbdf);
      if (byName < 0 || byName === reached || !reported.once(domid, `${sbdf}`)) return;
      report({
        ...nothing,
        message: `register ${hex(at)} of ${formatSbdf(sbdf)} in ${guestName(domid)} is ${serverName(domid, byName)} through CF8/CFC and ${serverName(domid, reached)} through ECAM`,
        evidence: { sbdf: formatSbdf(sbdf), cf8: byName, ecam: reached, addr: hex(addr) },
      });
    };
    return {
      'ioreq.sent': (event, watching) => {
        config.learn(event, watching);
        if (event.data.type === 'copy') check(event.data, event.data.server, watching);
      },
      'ioreq.completed': (event, watching) => void config.learn(event, watching),
      'chipset.changed': (event, watching) => void config.learn(event, watching),
      'ioreq.unclaimed': ({ data }, watching) => {
        if (data.type === 'memory') check(data, -1, watching);
      },
      'domain.destroyed': (event, watching) => {
        config.learn(event, watching);
        reported.forget(event.data.domid);
      },
    };
  },
};

const staleWindow: Rule = {
  code: 'IOR-007',
  severity: 'error',
  title: 'An access to a former ECAM window was answered',
  doc: 'The guest has moved PCIEXBAR, but a server still has the old window mapped and answers there.',
  watch: (_env, shared) => {
    const config = guestConfig(shared);
    const reported = new Reported();
    return {
      'ioreq.sent': (event, watching) => {
        const { data } = event;
        config.learn(event, watching);
        const windows = config.guest(data.domid)?.ecam;
        if (data.type !== 'copy' || windows === undefined) return;
        if (windows.current !== null && isInside(windows.current, data.addr)) return;
        const stale = windows.former.find((window) => isInside(window, data.addr));
        if (stale === undefined || !reported.once(data.domid, `${stale.base}`)) return;
        watching.report({
          ...nothing,
          message: `${watching.serverName(data.domid, data.server)} of ${guestName(data.domid)} answers at ${hex(data.addr)} in the ECAM window at ${hex(stale.base)}, which the guest has moved${windows.current === null ? ' away' : ` to ${hex(windows.current.base)}`}`,
          evidence: { server: data.server, addr: hex(data.addr), former: hex(stale.base) },
        });
      },
      'domain.destroyed': ({ data }) => reported.forget(data.domid),
    };
  },
};

const outsideAnyWindow: Rule = {
  code: 'IOR-012',
  severity: 'error',
  title: 'An ECAM access lies outside every known window',
  doc: 'The guest reaches for configuration space where it takes its ECAM window to be, and no design and no server has a window there: reads give ones, writes vanish.',
  watch: (_env, shared) => {
    const config = guestConfig(shared);
    const reported = new Reported();
    return {
      'ioreq.unclaimed': (event, watching) => {
        const { domid, addr, dir, type } = event.data;
        const ecam = type === 'memory' ? config.guest(domid)?.ecam : undefined;
        const meant = ecam === undefined ? null : believedWindow(ecam);
        if (ecam === undefined || meant === null || !isInside(meant, addr)) return;
        const why = whyUnknown(event, ecam, watching);
        if (why === null || !reported.once(domid, `${meant.base}:${why}`)) return;
        const name = formatSbdf(Math.floor((addr - meant.base) / 4096));
        watching.report({
          ...nothing,
          message: `${guestName(domid)} ${dir === 'read' ? 'read' : 'wrote'} register ${hex((addr - meant.base) % 4096)} of ${name} at ${hex(addr)}, where no ECAM window is: ${why}`,
          evidence: { sbdf: name, addr: hex(addr), base: hex(meant.base), why },
        });
      },
      'domain.destroyed': ({ data }) => reported.forget(data.domid),
    };
  },
};

const ALL_BUSES = 0x1000_0000;

/**
 * Where software that goes by the datasheet and by 256 buses takes the window to be: the base in the register, whatever
 * its enable bit and size code say. @source facts/q35-qemu 1.3
 */
function believedWindow({ low, high }: EcamWindows): Window | null {
  if (low === null) return null;
  const decoded = decodePciexbar(low, high, 'datasheet');
  const base =
    decoded.kind === 'window' ? decoded.base : (high & 0xf) * 2 ** 32 + ((low & 0xfc00_0000) >>> 0);
  return { base, sizeBytes: ALL_BUSES };
}

/** Why nothing is there; null where another rule has the reason or a window is known. */
function whyUnknown(
  { data: { domid, addr } }: EventOf<'ioreq.unclaimed'>,
  { low, high, current }: EcamWindows,
  { env, state }: Watching,
): string | null {
  const design = env.policies.mmconfig;
  const known = design === 'none' ? null : (state.mmconfig[domid]?.window ?? null);
  if (known?.enabled === true && isInside(known, addr)) return null;
  const decoded = decodePciexbar(low ?? 0, high, 'datasheet');
  if (decoded.kind === 'reserved')
    return 'the size code of PCIEXBAR is reserved, the window stayed where it was';
  if (!decoded.enabled) return 'PCIEXBAR is not enabled';
  if (current === null || !isInside(current, addr)) {
    return addr >= decoded.base + decoded.sizeBytes
      ? `PCIEXBAR opens ${decoded.sizeBytes / 0x10_0000} buses`
      : `QEMU decodes the base as ${hex(current?.base ?? 0)}`;
  }
  // Between a write and its report: IOR-011.
  if (design !== 'none') return null;
  const guest = state.ioreq[domid];
  const end = current.base + current.sizeBytes - 1;
  const mapped = guest?.servers.some(
    (server) => server?.enabled === true && overlapsRange(server.ranges[1], current.base, end),
  );
  return mapped === true ? null : 'PCIEXBAR is enabled and no server has mapped the window';
}

/** Rules about the ECAM windows of guests, which Xen knows nothing of. */
export const ecamWindowRules = { cf8AndEcam, staleWindow, outsideAnyWindow } as const;
