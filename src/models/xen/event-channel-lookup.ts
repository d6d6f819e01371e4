import type { DomainId } from '../../base/brand.js';
import type { Context } from '../context.js';

/** The port a domain's pirq is bound to; null when it is bound to none. O(ports of the domain). */
export function eventPortOfPirq(context: Context, domid: DomainId, pirq: number): number | null {
  for (const [port, channel] of Object.entries(context.state.evtchn[domid]?.ports ?? {}))
    if (channel.state === 'pirq' && channel.number === pirq) return Number(port);
  return null;
}
