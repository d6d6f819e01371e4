import type { DomainId } from '../base/brand.js';
import type { DataOf } from '../events/catalogue.js';
import type { Slice } from './slice.js';

/** What Xen's privilege checks need to know of a domain. @source facts/xen 2.2 */
export interface Domain {
  type: 'pv' | 'hvm' | 'pvh' | 'arm';
  privileged: boolean;
  hardware: boolean;
  target: DomainId | null;
  name: string;
  /** Memory features that rule out assigned devices. */
  features?: Partial<Record<'sharing' | 'paging' | 'pod' | 'log_dirty', true>>;
}

/** Living domains by domid. */
export type DomainsState = Record<number, Domain>;

export const domainsSlice: Slice<DomainsState> = {
  initial: () => ({}),
  on: {
    'domain.created': (domains, { data }) => create(domains, data),
    'domain.built': (domains, { data }) => create(domains, data),
    'owner.chosen': (domains, { data }) => {
      for (const [domid, domain] of Object.entries(domains))
        domain.hardware = Number(domid) === data.hardware;
    },
    'owner.went': (domains, { data }) => {
      delete domains[data.domid];
    },
    'domain.targeted': (domains, { data }) => {
      const domain = domains[data.domid];
      if (domain !== undefined) domain.target = data.target;
    },
    'domain.memory': (domains, { data }) => {
      const domain = domains[data.domid];
      if (domain === undefined) return;
      domain.features ??= {};
      if (data.on) domain.features[data.feature] = true;
      else delete domain.features[data.feature];
    },
    'domain.log-dirty': (domains, { data }) => {
      const domain = domains[data.domid];
      if (domain === undefined) return;
      domain.features ??= {};
      if (data.on) domain.features.log_dirty = true;
      else delete domain.features.log_dirty;
    },
    'domain.destroyed': (domains, { data }) => {
      delete domains[data.domid];
    },
  },
};

function create(domains: DomainsState, { domid, ...domain }: DataOf<'domain.created'>): void {
  domains[domid] = domain;
}
