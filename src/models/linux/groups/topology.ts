import { busOf, type Dom0Sbdf, segmentOf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { linuxRead } from '../devices.js';
import { findCapability, findExtendedCapability } from '../pciback/fields.js';

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
}

const portTypes: readonly (PortType | null)[] = [
  'endpoint',
  'legacy-endpoint',
  null,
  null,
  'root-port',
  'upstream',
  'downstream',
  'pcie-to-pci',
  'pci-to-pcie',
  'rc-endpoint',
  'rc-event-collector',
];

/** The tree of one segment as the hardware domain's Linux has it. @source facts/dom0 10.2 (inputs) */
export function topologyOf(context: Context, segment: number): readonly GroupNode[] {
  const names = Object.keys(context.state.linux.devices)
    .map((key) => Number(key) as Dom0Sbdf)
    .filter((name) => segmentOf(name) === segment)
    .toSorted((a, b) => a - b);
  const bridges = names.filter((name) => (linuxRead(context, name, 0x0e, 1) & 0x7f) === 1);
  return names.map((name): GroupNode => {
    const read = (reg: number, size: number): number => linuxRead(context, name, reg, size);
    const express = findCapability(read, 0x10);
    const acs = express === 0 ? 0 : findExtendedCapability(read, 0x0d);
    const header = read(0x0e, 1);
    const above = bridges.find(
      (bridge) => busOf(name) !== 0 && linuxRead(context, bridge, 0x19, 1) === busOf(name),
    );
    return {
      id: name,
      above: above ?? null,
      type: express === 0 ? null : (portTypes[(read(express + 2, 2) >>> 4) & 0xf] ?? null),
      isBridge: (header & 0x7f) === 1,
      multifunction: (header & 0x80) !== 0,
      acs: acs === 0 ? null : { capability: read(acs + 4, 2), control: read(acs + 6, 2) },
      vendor: read(0, 2),
      device: read(2, 2),
      aliases: [],
    };
  });
}
