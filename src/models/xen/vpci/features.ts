import { hasBehaviour } from '../../../policy/behaviours.js';
import { has, type Releases, type XenChange } from '../../../policy/has.js';

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
  /** An assignment takes the emulation from the old owner and gives it to the new one; before 4.19 neither. */
  readonly followsOwner: boolean;
  /** Special cycles are among what a guest's COMMAND starts without. */
  readonly clearsSpecialCycles: boolean;
  /** A function without extended configuration space has no list there; before 4.22 nobody asks. */
  readonly checksExtendedConfig: boolean;
  /** Lists of extended capabilities are built anew when Dom0 reports an MMCFG window. */
  readonly rebuildsAtMmcfg: boolean;
  /** Control words of resizable BARs, and no more, go when the capability cannot be set up. */
  readonly removesRebarOnly: boolean;
}

/** Read in branches stable-4.17 to stable-4.22 and master. */
export function vpciFeatures(chosen: Releases): VpciFeatures {
  const carries = (change: XenChange): boolean => has(chosen, change);
  const asReleased = hasBehaviour(chosen.behaviour, 'xen-as-released');
  return {
    guests: carries('vpci-guests'),
    headerFirst: carries('vpci-header-first'),
    checksMsixTable: carries('vpci-checks-msix-table'),
    skipsBarsOutsideHoles: !carries('vpci-maps-around-host-memory'),
    dropsDeviceOnMapFailure: !carries('vpci-keeps-device-on-map-failure'),
    looksAtDomXen: carries('vpci-hidden-devices'),
    storesHardwareDomainLists: carries('vpci-stores-capability-lists'),
    resizableBars: carries('vpci-resizable-bars'),
    hidesFailedCapabilities: carries('vpci-hides-failed-capabilities'),
    locksFailedCapabilities: carries('vpci-locks-failed-capabilities'),
    handlesStatusOfHardwareDomain:
      carries('vpci-status-through-masks') && !carries('vpci-stores-capability-lists'),
    followsOwner: carries('vpci-follows-owner'),
    clearsSpecialCycles: asReleased,
    checksExtendedConfig: carries('vpci-checks-extended-config'),
    rebuildsAtMmcfg: carries('vpci-rebuilds-at-mmcfg'),
    removesRebarOnly: asReleased,
  };
}
