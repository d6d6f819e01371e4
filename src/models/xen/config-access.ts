import { bridgeOf, type FunctionId, functionId } from '../../pci/function-id.js';
import { bdfOf, busOf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import type { Env } from '../../state/env.js';
import { mmcfgKey } from '../../state/irq.js';
import type { ReadonlyWorld } from '../../state/world.js';
import type { Context } from '../context.js';
import { allOnes, readConfig, writeConfig } from '../hardware/config-space.js';
import { findHostBridge } from './arm-bridges.js';

/** What stands behind a name for Xen: its bridge by (segment, bus), or null when no bridge has it. */
export function functionBehind(state: ReadonlyWorld, env: Env, name: XenSbdf): FunctionId | null {
  const bridge =
    env.platform.arch === 'x86_64'
      ? segmentBridge(env, name)
      : findHostBridge(state, env, segmentOf(name), busOf(name));
  return bridge === null ? null : functionId(bridge, bdfOf(name));
}

/** x86: firmware numbers the windows, so the platform's own number decides. @source facts/xen 3.3 */
function segmentBridge(env: Env, name: XenSbdf): number | null {
  const segment = segmentOf(name);
  const bus = busOf(name);
  const index = env.platform.bridges.findIndex(
    (bridge) => bridge.pciDomain === segment && bus >= bridge.busStart && bus <= bridge.busEnd,
  );
  return index < 0 ? null : index;
}

/**
 * What an access of Xen's own reaches. On x86 registers below 256 of segment 0 go through CF8/CFC; all others need the
 * MMCFG window, and Dom0 may have had it turned off. @source facts/xen 3.2, 3.3
 */
export function functionReached(context: Context, name: XenSbdf, reg: number): FunctionId | null {
  const { env, state } = context;
  const fn = functionBehind(state, env, name);
  if (fn === null || env.platform.arch !== 'x86_64' || (segmentOf(name) === 0 && reg < 256)) return fn;
  const { busStart, busEnd } = env.platform.bridges[bridgeOf(fn)]!;
  return state.irq.mmcfg[mmcfgKey(segmentOf(name), busStart, busEnd)] === false ? null : fn;
}

/**
 * Xen's own config read by name. With no bridge of that name ARM answers 0, not all ones, as built.
 * @source facts/xen 3.2
 */
export function xenConfigRead(context: Context, name: XenSbdf, reg: number, size: 1 | 2 | 4): number {
  const fn = functionReached(context, name, reg);
  const missing =
    context.env.platform.arch === 'arm64' && context.env.switches['config-no-bridge'] === 'as-built'
      ? 0
      : allOnes(size);
  const value = fn === null ? missing : readConfig(context, fn, reg, size);
  context.emit('xen', 'config.performed', { sbdf: name, function: fn, dir: 'read', reg, size, value });
  return value;
}

/** Xen's own config write by name; dropped when no bridge has the name. */
export function xenConfigWrite(
  context: Context,
  name: XenSbdf,
  reg: number,
  size: 1 | 2 | 4,
  value: number,
): void {
  const fn = functionReached(context, name, reg);
  context.emit('xen', 'config.performed', { sbdf: name, function: fn, dir: 'write', reg, size, value });
  if (fn !== null) writeConfig(context, 'hw', fn, reg, size, value);
}
