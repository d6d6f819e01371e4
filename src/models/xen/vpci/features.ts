import { atLeast, type Switches } from '../../../policy/switches.js';

/** What vPCI of one Xen release can do and how it goes about it. @source docs/models/vpci.md, table of releases */
export interface VpciFeatures {
  /** Unprivileged domains: masks, guest command, guest BARs, short capability list. */
  readonly guests: boolean;
  /** Set-up begins with the header; before 4.19 with MSI-X. */
  readonly headerFirst: boolean;
  /** The MSI-X table must lie inside a memory BAR. */
  readonly checksMsixTable: boolean;
  /** A BAR on memory of the host's map stays unmapped; later releases map what is left of it. */
  readonly skipsBarsOutsideHoles: boolean;
  /** A failed mapping takes the device out of vPCI. */
  readonly dropsDeviceOnMapFailure: boolean;
  /** Devices of dom_xen answer the hardware domain through vPCI. */
  readonly looksAtDomXen: boolean;
  /** The hardware domain's capability list bytes are answered from what was found at set-up. */
  readonly storesHardwareDomainLists: boolean;
  readonly resizableBars: boolean;
  /** A capability that cannot be set up is taken out of the list instead of failing the device. */
  readonly hidesFailedCapabilities: boolean;
  /** …and the hardware domain finds its control word read-only. */
  readonly locksFailedCapabilities: boolean;
  /** STATUS of the hardware domain goes through masks too. */
  readonly handlesStatusOfHardwareDomain: boolean;
}

/** Read in branches stable-4.17 to stable-4.22 and master; facts/xen 5 describes master. */
export function vpciFeatures(switches: Switches): VpciFeatures {
  const since = (release: string): boolean => atLeast(switches, 'xen', release);
  return {
    guests: since('4.19'),
    headerFirst: since('4.19'),
    checksMsixTable: since('4.19'),
    skipsBarsOutsideHoles: !since('4.19'),
    dropsDeviceOnMapFailure: !since('4.19'),
    looksAtDomXen: since('4.18'),
    storesHardwareDomainLists: since('4.21'),
    resizableBars: since('4.21'),
    hidesFailedCapabilities: since('4.21'),
    locksFailedCapabilities: since('4.22'),
    handlesStatusOfHardwareDomain: since('4.19') && !since('4.21'),
  };
}
