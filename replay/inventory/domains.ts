import type { XenSbdf } from '../../src/pci/sbdf.js';
import type { Domain } from '../../src/state/domains.js';
import type { Seen } from './seen.js';

/** A domain that lives at a position, or that did something before it. */
export interface DomainRow {
  readonly domid: number;
  /** Null: it is gone, or the trace never says it was made. */
  readonly domain: Readonly<Omit<Domain, 'features'>> | null;
  /** It drives the host bridges. */
  readonly drivesBridges: boolean;
  /** It runs the toolstack. */
  readonly runsToolstack: boolean;
  /** Names of Xen's for the devices it has. */
  readonly devices: readonly XenSbdf[];
  /** IOREQ servers that serve it. */
  readonly servers: number;
  readonly accesses: number;
  readonly hypercalls: number;
}

/** Domains by domid. */
export function domainsOf({ state, asked, hypercalls }: Seen): DomainRow[] {
  const living = Object.keys(state.domains).map(Number);
  const owners = Object.values(state.xen.devices).flatMap(({ owner }) => (owner === null ? [] : [owner]));
  const all = [...new Set([...living, ...asked.keys(), ...hypercalls.keys(), ...owners])];
  return all
    .toSorted((a, b) => a - b)
    .map((domid) => ({
      domid,
      domain: state.domains[domid] ?? null,
      drivesBridges: state.owners.settled
        ? state.owners.owner === domid
        : (state.domains[domid]?.hardware ?? false),
      runsToolstack: state.owners.settled && state.owners.toolstack === domid,
      devices: Object.entries(state.xen.devices)
        .filter(([, { owner }]) => owner === domid)
        .map(([name]) => Number(name) as XenSbdf),
      servers: (state.ioreq[domid]?.servers ?? []).filter((one) => one !== null).length,
      accesses: asked.get(domid) ?? 0,
      hypercalls: hypercalls.get(domid) ?? 0,
    }));
}
