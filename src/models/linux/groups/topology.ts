import { findCapability, findExtendedCapability } from '../../../pci/capability-walk.js';
import { dmaAliases } from '../../../pci/dma-aliases.js';
import { bdf, busOf, type Dom0Sbdf, devfnOf, sbdf, segmentOf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { linuxRead } from '../devices.js';
import { hasWideAcs } from './acs-quirks.js';
import { takesOverAsSecondary, translatesAtBridge } from './alias-quirks.js';
import type { GroupNode, PortType } from './node.js';

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
  const nodes = names.map((name) => nodeOf(context, name, bridges));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return nodes.map((node) => {
    const above = node.above === null ? null : (byId.get(node.above) ?? null);
    return takesOverAsSecondary(node, above) ? { ...node, takesOverAsSecondary: true } : node;
  });
}

function nodeOf(context: Context, name: Dom0Sbdf, bridges: readonly Dom0Sbdf[]): GroupNode {
  const read = (reg: number, size: number): number => linuxRead(context, name, reg, size);
  const express = findCapability(read, 0x10);
  const header = read(0x0e, 1);
  const vendor = read(0x00, 2);
  const device = read(0x02, 2);
  const type = express === 0 ? null : (portTypes[(read(express + 2, 2) >>> 4) & 0xf] ?? null);
  const above = bridges.find(
    (bridge) => busOf(name) !== 0 && linuxRead(context, bridge, 0x19, 1) === busOf(name),
  );
  const subsystemVendor = read(0x2c, 2);
  const subsystem = read(0x2e, 2);
  return {
    id: name,
    above: above ?? null,
    type,
    isBridge: (header & 0x7f) === 1,
    multifunction: (header & 0x80) !== 0,
    acs: express === 0 ? null : acsOf(read, { vendor, device, type }),
    vendor,
    device,
    aliases: dmaAliases({ vendor, device, subsystemVendor, subsystem }, devfnOf(name)),
    isTranslationRoot: translatesAtBridge(vendor, device),
    pchPeersOff: type === 'root-port' && peerDecodingOff(context, name),
  };
}

/** ACS capability and control, wherever the function keeps the latter. */
function acsOf(
  read: (reg: number, size: number) => number,
  port: Pick<GroupNode, 'vendor' | 'device' | 'type'>,
): GroupNode['acs'] {
  const at = findExtendedCapability(read, ACS);
  if (at === 0) return null;
  return { capability: read(at + 4, 2), control: hasWideAcs(port) ? read(at + 8, 4) : read(at + 6, 2) };
}

const ACS = 0x0d;
const RCBA = 0xf0;

/** Linux reaches the switch through the root complex registers of 00:1f.0, if they are enabled. @source drivers/pci/quirks.c `pci_quirk_enable_intel_lpc_acs` */
const peerDecodingOff = (context: Context, name: Dom0Sbdf): boolean =>
  (linuxRead(context, sbdf<Dom0Sbdf>(segmentOf(name), bdf(busOf(name), 0x1f, 0)), RCBA, 4) & 1) === 1;
