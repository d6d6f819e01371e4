/** PCI Express device/port types; null for a conventional function. */
export type PortType =
  | 'endpoint'
  | 'legacy-endpoint'
  | 'root-port'
  | 'upstream'
  | 'downstream'
  | 'pcie-to-pci'
  | 'pci-to-pcie'
  | 'rc-endpoint'
  | 'rc-event-collector';

/** One function as the group algorithm sees it. */
export interface GroupNode {
  /** Dom0Sbdf, or any packed name of one segment. */
  readonly id: number;
  /** The bridge whose secondary bus it is on; null on a root bus, and on a virtual bus of SR-IOV. */
  readonly above: number | null;
  readonly type: PortType | null;
  readonly isBridge: boolean;
  readonly multifunction: boolean;
  /** ACS capability and control registers; null without the capability. */
  readonly acs: { readonly capability: number; readonly control: number } | null;
  readonly vendor: number;
  readonly device: number;
  /** Further devfns of the same bus it sends requests as. */
  readonly aliases: readonly number[];
  /** A conventional bridge that takes requests over as (secondary, 00.0). */
  readonly takesOverAsSecondary?: boolean;
  /** Translation happens at this bridge: aliases end here. */
  readonly isTranslationRoot?: boolean;
  /** A PCH port: Linux could switch peer decoding off, behind the LPC bridge. */
  readonly pchPeersOff?: boolean;
}
