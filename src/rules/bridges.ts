import { hex } from '../base/hex.js';
import { capability } from '../pci/capabilities.js';
import { command, reg, status } from '../pci/header.js';
import { busOf, formatSbdf } from '../pci/sbdf.js';
import { memoryWindow, prefetchableWindow, type Window, windowsOverlap } from '../pci/windows.js';
import {
  byteOf,
  dwordOf,
  GuestConfig,
  isBridge,
  isKnown,
  type KnownFunction,
  type KnownFunctions,
  type Learnt,
  wordOf,
} from './guest-config.js';
import type { Rule, Watcher, Watching } from './rule.js';

const nothing = { function: null } as const;

/** Places a rule reports before it falls silent: a guest that varies its mistakes costs no more memory. */
const PLACES = 4096;

/** Judges whatever a guest learns or changes; a place is reported once per guest. */
function overGuestConfig(
  judge: (learnt: Learnt, once: (place: string) => boolean, watching: Watching) => void,
): Watcher {
  const config = new GuestConfig();
  const reported = new Set<string>();
  const check = (learnt: Learnt | null, watching: Watching): void => {
    if (learnt === null) return;
    const once = (place: string): boolean => {
      const key = `${learnt.domid}:${place}`;
      if (reported.has(key) || reported.size >= PLACES) return false;
      reported.add(key);
      return true;
    };
    judge(learnt, once, watching);
  };
  return {
    'ioreq.sent': (event, watching) => check(config.sent(event), watching),
    'ioreq.completed': (event, watching) => check(config.completed(event), watching),
    'chipset.changed': (event, watching) => check(config.chipset(event), watching),
    'domain.destroyed': ({ data }) => {
      config.forget(data.domid);
      for (const key of reported) if (key.startsWith(`${data.domid}:`)) reported.delete(key);
    },
  };
}

const secondaryOf = (fn: KnownFunction): number => byteOf(fn, reg.secondaryBus);

/** The known bridge that a bus stands behind. */
function bridgeTo(functions: KnownFunctions, bus: number): KnownFunction | null {
  if (bus === 0) return null;
  for (const fn of functions.values()) if (isBridge(fn) && secondaryOf(fn) === bus) return fn;
  return null;
}

const decodesMemory = (fn: KnownFunction): boolean => (byteOf(fn, reg.command) & command.memory) !== 0;

/** Both memory windows of a bridge that forwards memory; null while the guest has not set or seen them. */
function windowsOf(bridge: KnownFunction): readonly Window[] | null {
  if (!decodesMemory(bridge) || !isKnown(bridge, reg.memoryBase, 8)) return null;
  const byte = (at: number): number => byteOf(bridge, at);
  return [memoryWindow(byte), prefetchableWindow(byte)];
}

const show = ({ base, sizeBytes }: Window): string =>
  sizeBytes === 0 ? 'closed' : `${hex(base)}-${hex(base + sizeBytes - 1)}`;

/** A memory BAR of known size and address. */
interface KnownBar extends Window {
  readonly at: number;
}

function memoryBars(fn: KnownFunction): KnownBar[] {
  const bars: KnownBar[] = [];
  for (const [at, sizeBytes] of fn.barSizes) {
    const wide = (byteOf(fn, at) & 0x06) === 4;
    if (fn.sizing.has(at) || (wide && fn.sizing.has(at + 4))) continue;
    const low = dwordOf(fn, at);
    const base = low - (low % 16) + (wide ? dwordOf(fn, at + 4) * 0x1_0000_0000 : 0);
    if (base !== 0) bars.push({ at, base, sizeBytes });
  }
  return bars;
}

const within = (bar: Window, window: Window): boolean =>
  bar.base >= window.base && bar.base + bar.sizeBytes <= window.base + window.sizeBytes;

const outsideWindow: Rule = {
  code: 'BRG-001',
  severity: 'error',
  title: 'A BAR lies outside the windows of its bridge',
  doc: 'A function decodes memory at an address that the bridge above it does not forward, or not as a whole: accesses end at the bridge.',
  watch: () =>
    overGuestConfig(({ functions, fn, dir }, once, { report }) => {
      if (dir === 'read') return;
      const behind = isBridge(fn)
        ? [...functions.values()].filter(({ sbdf }) => busOf(sbdf) === secondaryOf(fn))
        : [fn];
      for (const one of behind) {
        if (isBridge(one) || !decodesMemory(one)) continue;
        const bridge = bridgeTo(functions, busOf(one.sbdf));
        const windows = bridge === null ? null : windowsOf(bridge);
        if (bridge === null || windows === null) continue;
        for (const bar of memoryBars(one)) {
          if (windows.some((window) => within(bar, window))) continue;
          const index = (bar.at - reg.bar0) / 4;
          if (!once(`${one.sbdf}:${index}:${bar.base}`)) continue;
          report({
            ...nothing,
            message: `BAR ${index} of ${formatSbdf(one.sbdf)} at ${show(bar)} is not within the windows of ${formatSbdf(bridge.sbdf)}: memory ${show(windows[0]!)}, prefetchable ${show(windows[1]!)}`,
            evidence: {
              sbdf: formatSbdf(one.sbdf),
              bar: index,
              address: hex(bar.base),
              sizeBytes: bar.sizeBytes,
              bridge: formatSbdf(bridge.sbdf),
              memory: show(windows[0]!),
              prefetchable: show(windows[1]!),
            },
          });
        }
      }
    }),
};

const siblingsOverlap: Rule = {
  code: 'BRG-002',
  severity: 'error',
  title: 'Windows of sibling bridges overlap',
  doc: 'Two bridges on one bus forward the same addresses: on hardware both claim the access, in QEMU the one written last answers.',
  watch: () =>
    overGuestConfig(({ functions, fn, dir }, once, { report }) => {
      if (dir === 'read' || !isBridge(fn)) return;
      const own = windowsOf(fn);
      if (own === null) return;
      for (const other of functions.values()) {
        if (other === fn || !isBridge(other) || busOf(other.sbdf) !== busOf(fn.sbdf)) continue;
        const theirs = windowsOf(other);
        const both = own.flatMap((a) =>
          (theirs ?? []).filter((b) => windowsOverlap(a, b)).map((b) => [a, b]),
        );
        const [first] = both;
        if (first === undefined) continue;
        const pair = [fn.sbdf, other.sbdf].sort((a, b) => a - b);
        if (!once(pair.join('-'))) continue;
        report({
          ...nothing,
          message: `${formatSbdf(fn.sbdf)} forwards ${show(first[0]!)} and ${formatSbdf(other.sbdf)} on the same bus ${show(first[1]!)}`,
          evidence: {
            bridge: formatSbdf(fn.sbdf),
            window: show(first[0]!),
            sibling: formatSbdf(other.sbdf),
            siblingWindow: show(first[1]!),
          },
        });
      }
    }),
};

/**
 * The bridge at which the way up from a bridge's bus comes back to the bus it makes; null when the numbers form a tree.
 * Bounded by the number of buses.
 */
function loopAbove(functions: KnownFunctions, bridge: KnownFunction): KnownFunction | null {
  const secondary = secondaryOf(bridge);
  if (secondary === 0) return null;
  const seen = new Set<number>();
  let at: KnownFunction | null = bridge;
  while (at !== null && !seen.has(busOf(at.sbdf))) {
    if (busOf(at.sbdf) === secondary) return at;
    seen.add(busOf(at.sbdf));
    at = bridgeTo(functions, busOf(at.sbdf));
  }
  return null;
}

const BUS_NUMBERS = reg.primaryBus;

const busNumbers: Rule = {
  code: 'BRG-004',
  severity: 'error',
  title: 'Bus numbers of a bridge loop or stand in the wrong order',
  doc: 'The secondary bus of a bridge is above its subordinate one, or is a bus the bridge itself stands on or below: what is behind it cannot be reached, or is reached twice.',
  watch: () => {
    /** A bridge whose numbers are being written byte by byte: judged when the guest goes on to something else. */
    const unfinished = new Map<number, number>();
    return overGuestConfig((learnt, once, { report }) => {
      const { domid, functions, fn, dir, at, size } = learnt;
      const touches = dir === 'write' && at < BUS_NUMBERS + 3 && at + size > BUS_NUMBERS;
      const waiting = unfinished.get(domid);
      if (touches && size < 4) {
        unfinished.set(domid, fn.sbdf);
        if (waiting === undefined || waiting === fn.sbdf) return;
      }
      const judged = touches && size === 4 ? fn : waiting === undefined ? null : functions.get(waiting);
      if (!(touches && size < 4)) unfinished.delete(domid);
      if (judged === null || judged === undefined || !isBridge(judged)) return;
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
      const loop = loopAbove(functions, judged);
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

/** An entry of a capability list as far as it was read. */
interface Walk {
  readonly entries: readonly { readonly id: number; readonly at: number }[];
  /** Entry whose pointer leads to one seen before. */
  readonly loop: { readonly from: number; readonly to: number } | null;
  /** The end of the list was seen. */
  readonly complete: boolean;
}

/** Walks the part of the conventional list that is known; ends at what nobody has read. Bounded: no entry twice. */
function walkKnown(fn: KnownFunction): Walk {
  const entries: { id: number; at: number }[] = [];
  const none = (byteOf(fn, reg.status) & status.capabilityList) === 0;
  if (!fn.bytes.has(reg.status) || none) return { entries, loop: null, complete: fn.bytes.has(reg.status) };
  const seen = new Set<number>();
  let from: number = reg.capabilityPointer;
  for (;;) {
    const next = fn.bytes.get(from);
    if (next === undefined) return { entries, loop: null, complete: false };
    const at = next & 0xfc;
    if (at < 0x40) return { entries, loop: null, complete: true };
    if (seen.has(at)) return { entries, loop: { from: from - 1, to: at }, complete: true };
    const id = fn.bytes.get(at);
    if (id === undefined) return { entries, loop: null, complete: false };
    seen.add(at);
    entries.push({ id, at });
    from = at + 1;
  }
}

/** The same for extended capabilities: pairs of list entry and the earlier one it points at. */
function extendedLoop(fn: KnownFunction): Walk['loop'] {
  const seen = new Set<number>();
  let at = 0x100;
  while (isKnown(fn, at, 4)) {
    seen.add(at);
    const next = (dwordOf(fn, at) >>> 20) & 0xffc;
    if (next < 0x100) return null;
    if (seen.has(next)) return { from: at, to: next };
    at = next;
  }
  return null;
}

/** PCI Express device types of endpoints that need a port above them. */
const ENDPOINT_TYPES: readonly number[] = [0, 1];

const noUpstreamPort: Rule = {
  code: 'BRG-005',
  severity: 'warning',
  title: 'A PCI Express endpoint has no port above it',
  doc: 'A function says it is a PCI Express endpoint but stands on a root bus or behind a conventional bridge: drivers that look for its port find none and may give it up.',
  watch: () =>
    overGuestConfig(({ functions, fn, dir }, once, { report }) => {
      if (dir === 'write' || isBridge(fn)) return;
      const express = walkKnown(fn).entries.find(({ id }) => id === capability.express);
      if (express === undefined || !isKnown(fn, express.at + 2, 2)) return;
      const type = (wordOf(fn, express.at + 2) >>> 4) & 0xf;
      const bus = busOf(fn.sbdf);
      const bridge = bridgeTo(functions, bus);
      if (!ENDPOINT_TYPES.includes(type) || (bus !== 0 && (bridge === null || !isConventional(bridge))))
        return;
      if (!once(`${fn.sbdf}`)) return;
      report({
        ...nothing,
        message: `${formatSbdf(fn.sbdf)} is a PCI Express endpoint ${bridge === null ? 'on the root bus' : `behind the conventional bridge ${formatSbdf(bridge.sbdf)}`}: it has no upstream port`,
        evidence: {
          sbdf: formatSbdf(fn.sbdf),
          type,
          bridge: bridge === null ? null : formatSbdf(bridge.sbdf),
        },
      });
    }),
};

function isConventional(bridge: KnownFunction): boolean {
  const { entries, complete, loop } = walkKnown(bridge);
  return complete && loop === null && !entries.some(({ id }) => id === capability.express);
}

const capabilityLoop: Rule = {
  code: 'BRG-006',
  severity: 'error',
  title: 'A capability list leads back to itself',
  doc: 'The next pointer of a capability names one that was there before: software without a bound walks it for ever, others miss what should follow.',
  watch: () =>
    overGuestConfig(({ fn, dir }, once, { report }) => {
      if (dir === 'write') return;
      const loop = walkKnown(fn).loop ?? extendedLoop(fn);
      if (loop === null || !once(`${fn.sbdf}:${loop.from}`)) return;
      report({
        ...nothing,
        message: `the capability at ${hex(loop.from)} of ${formatSbdf(fn.sbdf)} points ${loop.from === loop.to ? 'at itself' : `back at ${hex(loop.to)}`}`,
        evidence: { sbdf: formatSbdf(fn.sbdf), capability: hex(loop.from), next: hex(loop.to) },
      });
    }),
};

/** Rules about bridges as guests set them up, and what is behind them. @source facts/q35-qemu 2.4, 2.5; docs/rules */
export const bridgeRules: readonly Rule[] = [
  outsideWindow,
  siblingsOverlap,
  busNumbers,
  noUpstreamPort,
  capabilityLoop,
];
