import { busOf, devfnOf, devOf } from '../../../pci/sbdf.js';
import { hasAcs, hasAcsPath } from './acs.js';
import type { GroupNode } from './node.js';

/** A group: what can reach each other's memory requests and so goes to one owner. */
export interface IommuGroup {
  readonly id: number;
  /** Names of its functions, ascending. */
  readonly members: readonly number[];
}

/**
 * IOMMU groups of one segment, numbered in the order in which devices are found. A normal Dom0 under Xen has none of
 * them: Xen hides the IOMMU, and computes nothing of the kind itself. @source facts/dom0 9.2, 10.2
 */
export function iommuGroups(nodes: readonly GroupNode[]): readonly IommuGroup[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const groupOf = new Map<number, number>();
  let next = 0;
  for (const node of nodes.toSorted((a, b) => a.id - b.id)) {
    const group = findGroup(byId, groupOf, node) ?? next;
    if (group === next) next += 1;
    groupOf.set(node.id, group);
  }
  return Array.from({ length: next }, (_, id) => ({
    id,
    members: nodes
      .map((node) => node.id)
      .filter((name) => groupOf.get(name) === id)
      .toSorted((a, b) => a - b),
  }));
}

function findGroup(
  nodes: ReadonlyMap<number, GroupNode>,
  groupOf: ReadonlyMap<number, number>,
  node: GroupNode,
): number | null {
  let top = node;
  for (const visited of aliasWalk(nodes, node)) {
    const group = groupOf.get(visited.id);
    if (group !== undefined) return group;
    top = visited;
  }
  for (let above = top.above; above !== null; ) {
    const bridge = nodes.get(above);
    if (bridge === undefined || hasAcsPath(nodes, bridge)) break;
    top = bridge;
    const group = groupOf.get(bridge.id);
    if (group !== undefined) return group;
    above = bridge.above;
  }
  return aliasGroup(nodes, groupOf, top, new Set()) ?? functionGroup(nodes, groupOf, top, new Set());
}

/**
 * Devices whose id a request of `node` may carry, the node first; only a conventional segment on the way takes
 * requests over. @source facts/dom0 10.3
 */
function aliasWalk(nodes: ReadonlyMap<number, GroupNode>, node: GroupNode): readonly GroupNode[] {
  const visited = [node];
  for (let above = node.above; above !== null; ) {
    const bridge = nodes.get(above);
    if (bridge === undefined || bridge.isTranslationRoot === true) break;
    if (bridge.type === null || bridge.type === 'pcie-to-pci' || bridge.type === 'pci-to-pcie')
      visited.push(bridge);
    above = bridge.above;
  }
  return visited;
}

/** Requester ids a device's requests arrive with. @source facts/dom0 10.3 */
export function requesterIds(
  nodes: ReadonlyMap<number, GroupNode>,
  node: GroupNode,
  secondaryOf: (bridge: GroupNode) => number,
): readonly number[] {
  const ids = [node.id, ...node.aliases.map((devfn) => (node.id & ~0xff) | devfn)];
  for (const bridge of aliasWalk(nodes, node).slice(1)) {
    const secondary = secondaryOf(bridge) << 8;
    if (bridge.type === 'pcie-to-pci' || bridge.takesOverAsSecondary === true) ids.push(secondary);
    else ids.push(bridge.id);
  }
  return ids;
}

/** Same-bus functions that send as each other share a group. */
function aliasGroup(
  nodes: ReadonlyMap<number, GroupNode>,
  groupOf: ReadonlyMap<number, number>,
  node: GroupNode,
  seen: Set<number>,
): number | null {
  if (seen.has(node.id)) return null;
  seen.add(node.id);
  const own = groupOf.get(node.id);
  if (own !== undefined) return own;
  for (const other of nodes.values()) {
    if (other === node || busOf(other.id) !== busOf(node.id)) continue;
    const alias = other.aliases.includes(devfnOf(node.id)) || node.aliases.includes(devfnOf(other.id));
    if (!alias) continue;
    const group = aliasGroup(nodes, groupOf, other, seen) ?? functionGroup(nodes, groupOf, other, seen);
    if (group !== null) return group;
  }
  return null;
}

/** Functions of one slot without ACS between them share a group. */
function functionGroup(
  nodes: ReadonlyMap<number, GroupNode>,
  groupOf: ReadonlyMap<number, number>,
  node: GroupNode,
  seen: Set<number>,
): number | null {
  if (!node.multifunction || hasAcs(node)) return null;
  for (const other of nodes.values()) {
    if (other === node || busOf(other.id) !== busOf(node.id) || devOf(other.id) !== devOf(node.id)) continue;
    if (hasAcs(other)) continue;
    const group = aliasGroup(nodes, groupOf, other, seen);
    if (group !== null) return group;
  }
  return null;
}

/** What has to go to a guest together with `name`: its group without bridges and ports. @source facts/dom0 10.5 */
export function assignableSet(nodes: readonly GroupNode[], name: number): readonly number[] {
  const group = iommuGroups(nodes).find((one) => one.members.includes(name));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return (group?.members ?? []).filter((member) => byId.get(member)?.isBridge === false);
}
