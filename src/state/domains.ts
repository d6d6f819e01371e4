import type { DomainId } from '../base/brand.js';
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
    'domain.created': (domains, { data }) => {
      domains[data.domid] = {
        type: data.type,
        privileged: data.privileged,
        hardware: data.hardware,
        target: data.target,
        name: data.name,
      };
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
    'domain.destroyed': (domains, { data }) => {
      delete domains[data.domid];
    },
  },
};
