import { acsQuirk } from './acs-quirks.js';
import type { GroupNode } from './node.js';

/** Source validation, request and completion redirect, upstream forwarding. @source facts/dom0 10.2 */
const REQUIRED_ACS = 0x01 | 0x04 | 0x08 | 0x10;
const EGRESS_CONTROL = 0x20;

/** Whether a function keeps peers from each other; a quirk's answer is final. @source facts/dom0 10.4 */
export function hasAcs(node: GroupNode): boolean {
  const quirk = acsQuirk(node);
  if (quirk !== null) return quirk;
  switch (node.type) {
    case null:
    case 'pcie-to-pci':
    case 'pci-to-pcie':
    case 'rc-event-collector':
      return false;
    case 'root-port':
    case 'downstream':
      return controlsPeers(node);
    case 'endpoint':
    case 'legacy-endpoint':
    case 'rc-endpoint':
    case 'upstream':
      return node.multifunction ? controlsPeers(node) : true;
  }
}

/** Bits the capability lacks are hard-wired and count as set; egress control never does. */
function controlsPeers({ acs }: GroupNode): boolean {
  if (acs === null) return false;
  const required = REQUIRED_ACS & (acs.capability | EGRESS_CONTROL);
  return (acs.control & required) === required;
}

/** Every bridge from a node up to the root bus keeps peers apart. */
export function hasAcsPath(nodes: ReadonlyMap<number, GroupNode>, node: GroupNode): boolean {
  let at: GroupNode | undefined = node;
  while (at !== undefined) {
    if (!hasAcs(at)) return false;
    at = at.above === null ? undefined : nodes.get(at.above);
  }
  return true;
}
