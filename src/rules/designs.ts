import { hex } from '../base/hex.js';
import { overlapsRange } from '../base/rangeset.js';
import type { EventOf } from '../events/catalogue.js';
import { decodePciexbar } from '../models/qemu/chipset/mch.js';
import { bdf, formatSbdf } from '../pci/sbdf.js';
import type { Rule, Watching } from './rule.js';

const nothing = { function: null } as const;

/** An access in the window the guest wrote and Xen has not been told of. */
function inUnreportedWindow(
  { domid, addr }: { readonly domid: number; readonly addr: number },
  { state, env }: Watching,
): { readonly base: number; readonly known: number | null } | null {
  const chipset = env.policies.mmconfig === 'notify' ? state.mmconfig[domid] : undefined;
  if (chipset === undefined) return null;
  const written = decodePciexbar(chipset.written.low, chipset.written.high, 'qemu');
  if (written.kind === 'reserved' || !written.enabled) return null;
  const known = chipset.window;
  if (known !== null && known.base === written.base && known.enabled) return null;
  const inside = addr >= written.base && addr < written.base + written.sizeBytes;
  return inside ? { base: written.base, known: known?.base ?? null } : null;
}

const unreported: Rule = {
  code: 'IOR-011',
  severity: 'error',
  title: 'An access fell between a write of PCIEXBAR and its report',
  doc: 'Under the design `notify` Xen learns of a moved ECAM window from the device model: until then accesses in the new window are plain memory and reach nobody or the wrong server.',
  watch: () => {
    const check = (
      data: { readonly domid: number; readonly addr: number },
      reached: string,
      watching: Watching,
    ): void => {
      const gap = inUnreportedWindow(data, watching);
      if (gap === null) return;
      watching.report({
        ...nothing,
        message: `d${data.domid} reached ${reached} at ${hex(data.addr)}: the guest has its ECAM window at ${hex(gap.base)}, Xen knows ${gap.known === null ? 'none' : hex(gap.known)}`,
        evidence: {
          addr: hex(data.addr),
          written: hex(gap.base),
          known: gap.known === null ? null : hex(gap.known),
        },
      });
    };
    return {
      'ioreq.unclaimed': ({ data }, watching) => {
        if (data.type === 'memory') check(data, 'nobody', watching);
      },
      'ioreq.sent': ({ data }, watching) => {
        if (data.type === 'copy') check(data, `server ${data.server}`, watching);
      },
    };
  },
};

/** Secondary bus in a write to the bus-number register; null for other accesses. */
function secondaryWritten({ data }: EventOf<'ioreq.sent'>): number | null {
  if (data.type !== 'pci_config' || data.dir !== 'write') return null;
  if (data.reg === 0x18 && data.size === 4) return (data.data >>> 8) & 0xff;
  return data.reg === 0x19 && data.size === 1 ? data.data & 0xff : null;
}

const renumbered: Rule = {
  code: 'BRG-003',
  severity: 'error',
  title: 'A bus was renumbered under a live server',
  doc: 'A server registered functions under a bus number that the guest has taken away from their port; device models register once and are not told.',
  watch: () => {
    const buses = new Map<string, number>();
    const check = (domid: number, port: number, bus: number, { state, report }: Watching): void => {
      const key = `${domid}:${port}`;
      const before = buses.get(key) ?? 0;
      buses.set(key, bus);
      if (before === 0 || before === bus) return;
      const owner = state.ioreq[domid]?.servers.findIndex(
        (server) => server !== null && overlapsRange(server.ranges[2], bdf(before, 0, 0), bdf(before, 31, 7)),
      );
      if (owner === undefined || owner < 0) return;
      report({
        ...nothing,
        message: `d${domid} made the bus behind ${formatSbdf(port)} number ${bus}; server ${owner} has functions registered on bus ${before}`,
        evidence: { port: formatSbdf(port), before, bus, server: owner },
      });
    };
    return {
      'ioreq.sent': (event, watching) => {
        const bus = secondaryWritten(event);
        if (bus !== null) check(event.data.domid, event.data.sbdf ?? 0, bus, watching);
      },
      'chipset.changed': ({ data }, watching) => {
        if (data.reg === 0x18) check(data.domid, data.sbdf, (data.value >>> 8) & 0xff, watching);
      },
      'domain.destroyed': ({ data }) => {
        for (const key of buses.keys()) if (key.startsWith(`${data.domid}:`)) buses.delete(key);
      },
    };
  },
};

/** Rules about the designs of 2018. @source facts/xen 13.3; facts/q35-qemu 3.3 */
export const designRules: readonly Rule[] = [unreported, renumbered];
