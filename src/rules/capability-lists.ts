import { assertNever } from '../base/assert.js';
import { hex } from '../base/hex.js';
import { capability } from '../pci/capabilities.js';
import { reg } from '../pci/header.js';
import { busOf, formatSbdf } from '../pci/sbdf.js';
import { bridgeTo } from './guest-config.js';
import { nothing } from './guest-names.js';
import { type ListFault, walkConventional, walkExtended } from './known-capabilities.js';
import { isBridge, isKnown, type KnownFunction, wordOf } from './known-function.js';
import { overGuestConfig } from './over-guest-config.js';
import type { Rule } from './rule.js';

/** PCI Express device types of endpoints that need a port above them. */
const ENDPOINT_TYPES: readonly number[] = [0, 1];

const noUpstreamPort: Rule = {
  code: 'BRG-005',
  severity: 'warning',
  title: 'A PCI Express endpoint has no port above it',
  doc: 'A function says it is a PCI Express endpoint but stands on a root bus or behind a conventional bridge: drivers that look for its port find none and may give it up.',
  watch: (_env, shared) =>
    overGuestConfig(shared, ({ guest, fn, dir, news }, once, { report }) => {
      if (dir === 'write' || !news || isBridge(fn)) return;
      const express = walkConventional(fn).entries.find(({ id }) => id === capability.express);
      if (express === undefined || !isKnown(fn, express.at + 2, 2)) return;
      const type = (wordOf(fn, express.at + 2) >>> 4) & 0xf;
      const bus = busOf(fn.sbdf);
      const bridge = bridgeTo(guest, bus);
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
  const { entries, complete, fault } = walkConventional(bridge);
  return complete && fault === null && !entries.some(({ id }) => id === capability.express);
}

const capabilityLoop: Rule = {
  code: 'BRG-006',
  severity: 'error',
  title: 'A capability list leads back to itself',
  doc: 'The next pointer of a capability names one that was there before: software without a bound walks it for ever, others miss what should follow.',
  watch: (_env, shared) =>
    overGuestConfig(shared, ({ fn, dir, at, news }, once, { report }) => {
      if (dir === 'write' || !news) return;
      const fault = faultOf(fn, at);
      if (fault?.kind !== 'loop' || !once(`${fn.sbdf}:${fault.from}`)) return;
      const { from, to } = fault;
      report({
        ...nothing,
        message: `the capability at ${hex(from)} of ${formatSbdf(fn.sbdf)} points ${from === to ? 'at itself' : `back at ${hex(to)}`}`,
        evidence: { sbdf: formatSbdf(fn.sbdf), capability: hex(from), next: hex(to) },
      });
    }),
};

const leadsOut: Rule = {
  code: 'BRG-009',
  severity: 'error',
  title: 'A capability list leads out of its space',
  doc: 'A pointer of a capability list leads below the first place, between two places or to nothing, or a capability is cut off by the end of configuration space: what follows is lost, or is not what it says.',
  watch: (_env, shared) =>
    overGuestConfig(shared, ({ fn, dir, at, news }, once, { report }) => {
      if (dir === 'write' || !news) return;
      const fault = faultOf(fn, at);
      if (fault === null || fault.kind === 'loop' || !once(`${fn.sbdf}:${fault.from}`)) return;
      report({
        ...nothing,
        message: inWords(fault, formatSbdf(fn.sbdf)),
        evidence: { sbdf: formatSbdf(fn.sbdf), fault: fault.kind, from: hex(fault.from), to: hex(fault.to) },
      });
    }),
};

/** What is wrong with the list that a register belongs to. */
const faultOf = (fn: KnownFunction, at: number): ListFault | null =>
  at < 0x100 ? walkConventional(fn).fault : walkExtended(fn).fault;

function inWords({ kind, from, to }: ListFault, name: string): string {
  const pointer =
    from === reg.capabilityPointer
      ? `the capability pointer of ${name}`
      : `the capability at ${hex(from)} of ${name}`;
  switch (kind) {
    case 'below':
      return `${pointer} points at ${hex(to)}, below the first place of a capability`;
    case 'misaligned':
      return `${pointer} points at ${hex(to)}, which is no multiple of 4`;
    case 'empty':
      return `${pointer} points at ${hex(to)}, where everything reads as ones`;
    case 'too-long':
      return `${pointer} (id ${hex(to)}) does not fit before the end of configuration space`;
    case 'loop':
      return `${pointer} points back at ${hex(to)}`;
    default:
      return assertNever(kind);
  }
}

/** Rules about capability lists as guests read them. @source facts/arm-msi-iommu 8.3, 8.4; facts/q35-qemu 2.7 */
export const capabilityListRules = { noUpstreamPort, capabilityLoop, leadsOut } as const;
