import { type Bdf, bdfOf, busOf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { readConfig } from '../hardware/config-space.js';
import { functionBehind } from './config-access.js';

/** Bridges whose buses share one requester id upstream. @source facts/xen 3.1 */
const legacyBridges = new Set(['pcie-to-pci', 'pci-to-pcie', 'legacy-bridge']);

/** What the look-ups need: the world now and the machine. */
type View = Pick<Context, 'state' | 'env'>;

/** The topmost conventional bridge above a device. */
export interface UpstreamBridge {
  readonly bridge: Bdf;
  /** Xen's type of it. */
  readonly type: string;
  /** The bus behind it the look-up came from. */
  readonly bus: number;
}

/**
 * `find_upstream_bridge`: the bridge whose id stands for a device, or null for one that sends under its own.
 * @source xen/drivers/passthrough/pci.c, facts/xen 7.2
 * @cost O(devices of Xen) per bridge on the way
 */
export function upstreamBridge(view: View, name: XenSbdf): UpstreamBridge | null {
  let found: UpstreamBridge | null = null;
  let bus = busOf(name);
  for (let step = 0; step < 256 && bus !== 0; step++) {
    const above = bridgeAbove(view, segmentOf(name), bus);
    if (above === null || busOf(above.bridge) === bus) return found;
    found = above;
    bus = busOf(above.bridge);
  }
  return found;
}

function bridgeAbove(view: View, segment: number, bus: number): UpstreamBridge | null {
  for (const [key, device] of Object.entries(view.state.xen.devices)) {
    const name = Number(key) as XenSbdf;
    if (!legacyBridges.has(device.type) || segmentOf(name) !== segment) continue;
    const fn = functionBehind(view.state, view.env, name);
    if (fn === null) continue;
    const buses = readConfig(view, fn, 0x18, 4);
    const secondary = (buses >>> 8) & 0xff;
    const subordinate = (buses >>> 16) & 0xff;
    if (bus >= secondary && bus <= subordinate && secondary > 0)
      return { bridge: bdfOf(name), type: device.type, bus };
  }
  return null;
}
