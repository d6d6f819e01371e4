import { overlapsRange } from '../base/rangeset.js';
import type { ReadonlyGuest } from '../models/xen/ioreq/guest.js';
import { bdf, busOf, formatSbdf } from '../pci/sbdf.js';
import { bridgeTo, type KnownGuest } from './guest-config.js';
import { guestName, nothing } from './guest-names.js';
import { type KnownFunction, secondaryOf } from './known-function.js';
import { guestConfig, Reported } from './over-guest-config.js';
import type { Rule } from './rule.js';

/** Buses a bridge had; a guest that goes on renumbering is judged by the latest. */
const FORMER = 16;

/**
 * Device models compute a function's name once, when it is realised; the guest may give its bus another number later.
 * @source facts/q35-qemu 3.3; facts/xen 13.3
 */
export const staleBusMap: Rule = {
  code: 'IOR-013',
  severity: 'error',
  title: 'An access went by a bus number that servers and guest do not share',
  doc: 'The guest has renumbered a bus and servers still have its functions under the old number: the old name still answers, or the new one does not.',
  watch: (_env, shared) => {
    const config = guestConfig(shared);
    const reported = new Reported();
    /** Numbers a bridge had before the one it has, the latest last. */
    const history = new WeakMap<KnownFunction, number[]>();
    const formerOf = (bridge: KnownFunction): readonly number[] => {
      const now = secondaryOf(bridge);
      return (history.get(bridge) ?? []).filter((bus) => bus !== now);
    };
    const note = (bridge: KnownFunction): void => {
      const had = history.get(bridge) ?? [];
      const now = secondaryOf(bridge);
      if (now === 0 || had.at(-1) === now) return;
      history.set(bridge, [...had.filter((bus) => bus !== now), now].slice(-FORMER));
    };
    /** The bridge that has given a bus up, when no other has it now. */
    const leftBy = (guest: KnownGuest, bus: number): KnownFunction | null => {
      if (bridgeTo(guest, bus) !== null) return null;
      for (const bridge of guest.bridges) if (formerOf(bridge).includes(bus)) return bridge;
      return null;
    };
    return {
      'ioreq.sent': (event, watching) => {
        const learnt = config.learn(event, watching);
        if (learnt?.guest.bridges.has(learnt.fn) === true) note(learnt.fn);
        const { domid, server, type } = event.data;
        const guest = config.guest(domid);
        const name = type === 'pci_config' ? config.meant(event, watching) : null;
        if (guest === null || name === null || busOf(name) === 0) return;
        const bridge = leftBy(guest, busOf(name));
        if (bridge === null || !reported.once(domid, `old:${name}`)) return;
        watching.report({
          ...nothing,
          message: `${watching.serverName(domid, server)} of ${guestName(domid)} is still asked for ${formatSbdf(name)}, whose bus ${formatSbdf(bridge.sbdf)} has made number ${secondaryOf(bridge)}`,
          evidence: {
            sbdf: formatSbdf(name),
            server,
            port: formatSbdf(bridge.sbdf),
            bus: secondaryOf(bridge),
          },
        });
      },
      'ioreq.completed': (event, watching) => {
        const learnt = config.learn(event, watching);
        if (learnt?.guest.bridges.has(learnt.fn) === true) note(learnt.fn);
      },
      'chipset.changed': (event, watching) => {
        const learnt = config.learn(event, watching);
        if (learnt?.guest.bridges.has(learnt.fn) === true) note(learnt.fn);
      },
      'ioreq.unclaimed': ({ data: { domid, sbdf } }, { state, report, serverName }) => {
        const guest = config.guest(domid);
        const servers = state.ioreq[domid];
        if (guest === null || servers === undefined || sbdf === null || busOf(sbdf) === 0) return;
        const bridge = bridgeTo(guest, busOf(sbdf));
        const stale =
          bridge === null ? undefined : formerOf(bridge).find((bus) => serverOn(servers, bus, sbdf) >= 0);
        if (bridge === null || stale === undefined || !reported.once(domid, `new:${sbdf}`)) return;
        const server = serverOn(servers, stale, sbdf);
        report({
          ...nothing,
          message: `nobody answers for ${formatSbdf(sbdf)} in ${guestName(domid)}: ${serverName(domid, server)} has it as ${formatSbdf(bdf(stale, 0, 0) + (sbdf & 0xff))}, from before ${formatSbdf(bridge.sbdf)} made its bus number ${busOf(sbdf)}`,
          evidence: { sbdf: formatSbdf(sbdf), server, port: formatSbdf(bridge.sbdf), registered: stale },
        });
      },
      'domain.destroyed': (event, watching) => {
        config.learn(event, watching);
        reported.forget(event.data.domid);
      },
    };
  },
};

/** The server that has a function under another bus number; -1 for none. */
function serverOn({ servers }: ReadonlyGuest, bus: number, sbdf: number): number {
  const name = bdf(bus, 0, 0) + (sbdf & 0xff);
  return servers.findIndex((server) => server !== null && overlapsRange(server.ranges[2], name, name));
}
