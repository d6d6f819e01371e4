import { reg } from '../pci/header.js';
import { busOf, formatSbdf } from '../pci/sbdf.js';
import { bridgeTo, type KnownGuest } from './guest-config.js';
import { nothing } from './guest-names.js';
import { byteOf, isBridge, type KnownFunction, secondaryOf } from './known-function.js';
import { overGuestConfig } from './over-guest-config.js';
import type { Rule } from './rule.js';

const BUS_NUMBERS = reg.primaryBus;

/** Bus numbers of a bridge that loop or stand in the wrong order. @source facts/q35-qemu 2.4 */
export const busNumbers: Rule = {
  code: 'BRG-004',
  severity: 'error',
  title: 'Bus numbers of a bridge loop or stand in the wrong order',
  doc: 'The secondary bus of a bridge is above its subordinate one, or is a bus the bridge itself stands on or below: what is behind it cannot be reached, or is reached twice.',
  watch: (_env, shared) => {
    /** A bridge whose numbers are being written byte by byte: judged when the guest goes on to something else. */
    const unfinished = new WeakMap<KnownGuest, KnownFunction>();
    return overGuestConfig(shared, ({ guest, fn, dir, at, size }, once, { report }) => {
      const touches = dir === 'write' && at < BUS_NUMBERS + 3 && at + size > BUS_NUMBERS;
      const waiting = unfinished.get(guest);
      if (touches && size < 4) {
        unfinished.set(guest, fn);
        if (waiting === undefined || waiting === fn) return;
      }
      const judged = touches && size === 4 ? fn : waiting;
      if (!(touches && size < 4)) unfinished.delete(guest);
      if (judged === undefined || !isBridge(judged)) return;
      const secondary = secondaryOf(judged);
      const subordinate = byteOf(judged, reg.subordinateBus);
      const evidence = { bridge: formatSbdf(judged.sbdf), secondary, subordinate };
      const name = formatSbdf(judged.sbdf);
      if (secondary > subordinate && once(`${judged.sbdf}:order:${secondary}:${subordinate}`)) {
        report({
          ...nothing,
          message: `${name} has secondary bus ${secondary} above subordinate bus ${subordinate}: nothing below bus ${secondary} is reached`,
          evidence,
        });
      }
      const loop = loopAbove(guest, judged);
      if (loop !== null && once(`${judged.sbdf}:loop:${secondary}`)) {
        report({
          ...nothing,
          message: `${name} leads to bus ${secondary}, on which ${loop === judged ? 'it stands itself' : `${formatSbdf(loop.sbdf)} above it stands`}: a loop of bus numbers`,
          evidence: { ...evidence, above: formatSbdf(loop.sbdf) },
        });
      }
    });
  },
};

/**
 * The bridge at which the way up from a bridge's bus comes back to the bus it makes; null when the numbers form a tree.
 * @cost O(buses * bridges known)
 */
function loopAbove(guest: KnownGuest, bridge: KnownFunction): KnownFunction | null {
  const secondary = secondaryOf(bridge);
  if (secondary === 0) return null;
  const seen = new Set<number>();
  let at: KnownFunction | null = bridge;
  while (at !== null && !seen.has(busOf(at.sbdf))) {
    if (busOf(at.sbdf) === secondary) return at;
    seen.add(busOf(at.sbdf));
    at = bridgeTo(guest, busOf(at.sbdf));
  }
  return null;
}
