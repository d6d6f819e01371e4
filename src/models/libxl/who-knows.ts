import { type Dom0Sbdf, formatSbdf, segmentOf } from '../../pci/sbdf.js';
import type { Env } from '../../state/env.js';
import type { ReadonlyWorld } from '../../state/world.js';
import type { Context } from '../context.js';
import { assignableSet } from '../linux/groups/groups.js';
import { topologyOf } from '../linux/groups/topology.js';
import { resetMethods } from '../linux/reset.js';

/** What a design knows and does about what hangs together with a device, in words. */
export interface WhoKnows {
  /** Who else has to go to the same domain, and who knows; null: the owner's Linux has no such device. */
  readonly group: string | null;
  /** Who resets the device between two domains. */
  readonly resetter: string;
}

/** How xl comes at the files of the domain that owns the hardware. */
type Reach = 'own' | 'channel' | 'silent' | 'none' | 'nobody';

function reachOf({ owners, vchan }: ReadonlyWorld): Reach {
  if (!owners.settled) return 'own';
  if (owners.toolstack === null || owners.owner === null) return 'nobody';
  if (owners.owner === owners.toolstack) return 'own';
  if (vchan.phase === 'absent') return 'none';
  return vchan.phase === 'open' && vchan.serverRuns ? 'channel' : 'silent';
}

/**
 * Nobody on a running machine knows IOMMU groups: Linux under Xen has none to show, Xen computes requester ids and keeps
 * them, and xl asks neither. Functions of a slot stand in the owner's files, and xl looks there for `.*` only.
 * @source facts/dom0 8.5 step 9, 9.2, 10.5, 12.1 (review); xen/drivers/passthrough/pci.c (get_device_group)
 */
export function whoKnows(world: { state: ReadonlyWorld; env: Env }, device: Dom0Sbdf): WhoKnows {
  const { state } = world;
  const reach = reachOf(state);
  const owner = `d${state.owners.owner ?? 0}`;
  // Models read the world through a context; this has the same two things and emits nothing.
  const context = world as Context;
  return {
    group: state.linux.devices[device] === undefined ? null : groupText(context, device, reach, owner),
    resetter: resetText(context, device, reach, owner),
  };
}

function groupText(context: Context, device: Dom0Sbdf, reach: Reach, owner: string): string {
  const { devices } = context.state.linux;
  const siblings = Object.keys(devices)
    .map((key) => Number(key) as Dom0Sbdf)
    .filter((other) => other !== device && other >>> 3 === device >>> 3);
  const grouped = assignableSet(topologyOf(context, segmentOf(device)), device).filter(
    (other) => other !== device && !siblings.includes(other as Dom0Sbdf),
  );
  if (siblings.length + grouped.length === 0) return 'alone';
  const words = [
    ...(siblings.length === 0
      ? []
      : [`${siblings.map(formatSbdf).join(' ')} (function, ${toldBy(reach, owner)})`]),
    ...(grouped.length === 0
      ? []
      : [`${grouped.map((one) => formatSbdf(one as Dom0Sbdf)).join(' ')} (group, nobody knows)`]),
  ];
  return words.join(', ');
}

/** From whom xl can have the functions of a slot. */
function toldBy(reach: Reach, owner: string): string {
  switch (reach) {
    case 'own':
      return `in ${owner}'s files, read for .* only`;
    case 'channel':
      return `${owner} tells, asked for .* only`;
    case 'silent':
      return `${owner} does not answer`;
    case 'none':
      return `in ${owner}'s files, out of reach`;
    case 'nobody':
      return 'nobody asks';
  }
}

function resetText(context: Context, device: Dom0Sbdf, reach: Reach, owner: string): string {
  const held = context.state.pciback.devices[device] !== undefined;
  const method =
    context.state.linux.devices[device] !== undefined && resetMethods(context, device).length === 0
      ? ', by no method'
      : '';
  switch (reach) {
    case 'own':
      return `xl${held ? ' and pciback' : ''}${method}`;
    case 'channel':
      return `${owner} when xl asks${held ? ', and its pciback' : ''}${method}`;
    case 'silent':
    case 'none':
    case 'nobody':
      return 'nobody';
  }
}
