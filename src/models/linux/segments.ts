import { errno } from '../../base/errno.js';
import type { HostBridge } from '../../platform/platform.js';
import { has } from '../../policy/has.js';
import type { Env } from '../../state/env.js';
import type { ReadonlyWorld } from '../../state/world.js';

/** Which of Linux' numbering algorithms runs. */
export type NumberingRule = 'counter' | 'ida' | 'firmware';

/** A number, or the errno the probe of the bridge ends with. */
export type Numbering =
  | { readonly segment: number; readonly source: 'counter' | 'ida' | 'property' | 'firmware' | 'synthetic' }
  | { readonly errno: number; readonly reason: string };

/** The IDA rule came with 6.2 and, in the 6.1 series, with 6.1.136. @source facts/dom0 1.3, 1.4 */
function ruleOf(env: Env): NumberingRule {
  const policy = env.policies['segments.dom0'];
  if (policy === 'counter' || policy === 'ida' || policy === 'firmware') return policy;
  return has(env, 'segments-by-ida') ? 'ida' : 'counter';
}

/**
 * The number Linux gives a bridge that registers now.
 * @param treeNumber `linux,pci-domain` as Dom0's tree holds it.
 * @source facts/dom0 1.3, 1.4, 1.6
 */
export function numberInLinux(
  state: ReadonlyWorld,
  env: Env,
  bridge: HostBridge,
  treeNumber: number | null,
): Numbering {
  const { dom0 } = state;
  // VMD numbers itself above every 16-bit domain. @source facts/dom0 1.6
  if (bridge.compatible.includes('vmd')) {
    const highest = dom0.bridges.reduce((most, { segment }) => Math.max(most, segment), 0xffff);
    return { segment: highest + 1, source: 'synthetic' };
  }
  if (env.platform.arch === 'x86_64') return { segment: bridge.pciDomain ?? 0, source: 'firmware' };
  switch (ruleOf(env)) {
    case 'firmware':
      return { segment: bridge.pciDomain ?? 0, source: 'firmware' };
    case 'counter':
      if (dom0.mode === (treeNumber === null ? 1 : 0)) {
        const reason = `Node ${bridge.node} has inconsistent "linux,pci-domain" property in DT`;
        return { errno: -errno.EINVAL, reason };
      }
      return treeNumber === null
        ? { segment: dom0.counter, source: 'counter' }
        : { segment: treeNumber, source: 'property' };
    case 'ida':
      if (treeNumber === null) return { segment: lowestFree(dom0.dynamicIds), source: 'ida' };
      return dom0.staticIds[treeNumber] === undefined
        ? { segment: treeNumber, source: 'property' }
        : { errno: -errno.ENOSPC, reason: `domain ${treeNumber} is taken by another bridge` };
  }
}

function lowestFree(ids: Readonly<Record<number, true>>): number {
  let id = 0;
  while (ids[id] !== undefined) id += 1;
  return id;
}
