import type { PhysicalAddress } from '../../../base/brand.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { Context, Decider } from '../../context.js';
import { hostLpiOf } from '../its/host-its.js';
import { changeVector } from './deliver.js';

/**
 * A reset takes the vectors with it and gives their host events back at once: a message still under way finds the
 * event with its next owner. @source facts/arm-msi-iommu 5.3
 */
export const decideMsiReset: Decider<'device.reset'> = (context, { data }) => {
  if (context.state.msi.functions[data.function] === undefined) return;
  context.emit('hw', 'vector.cleared', { function: data.function });
  freeEvents(context, data.function);
};

/**
 * A function changed hands without a reset: Xen takes back the events it had given it, and what the function holds it
 * keeps, so that it can still send the old messages.
 */
export function releaseEvents(context: Context, fn: FunctionId): void {
  const held = Object.entries(context.state.msi.functions[fn]?.vectors ?? {}).filter(
    ([, vector]) => vector.event !== null,
  );
  for (const [index] of held)
    changeVector(context, fn, Number(index), { phase: 'free', event: null, again: false });
  if (held.length > 0) freeEvents(context, fn);
}

/** Frees every event a function has, on whichever controller, lowest first. */
function freeEvents(context: Context, fn: FunctionId): void {
  for (const [base, claims] of Object.entries(context.state.msi.claims)) {
    const events = Object.entries(claims).flatMap(([event, claim]) =>
      claim.function === fn ? [Number(event)] : [],
    );
    for (const event of events) {
      context.emit('xen', 'event.freed', { controller: Number(base) as PhysicalAddress, event });
      disconnect(context, Number(base), event);
    }
  }
}

/** On an ITS the host LPI of the event leads nowhere from here on; the mapping on the hardware stays. */
function disconnect(context: Context, base: number, event: number): void {
  if (context.state.its.hosts[base] === undefined) return;
  const hostLpi = hostLpiOf(context, base, Math.floor(event / 0x1_0000), event % 0x1_0000);
  if (hostLpi !== null && context.state.its.lpis[hostLpi] !== undefined) {
    context.emit('xen', 'lpi.disconnected', { hostLpi });
  }
}
