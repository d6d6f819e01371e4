import { domids, ownerText } from '../base/domid.js';
import { hex } from '../base/hex.js';
import { decoderOf } from '../models/hardware/bars.js';

import { formatSbdf } from '../pci/sbdf.js';
import { isGuest } from './guests.js';
import { about } from './msi.js';
import { xenName } from './names.js';
import type { Rule, Watcher, Watching } from './rule.js';

/** What a guest's stub domain touches is the guest's business. */
const isOrdinary = (watching: Watching, domid: number): boolean =>
  isGuest(watching, domid) && (watching.state.domains[domid]?.target ?? null) === null;

const ways = {
  'page-table': 'through its page tables',
  p2m: 'through its map of machine frames or ports',
  xen: 'with the ports it may use',
} as const;

const foreignRegisters: Rule = {
  code: 'ASG-015',
  severity: 'error',
  title: 'A guest reached registers of a device it does not have',
  doc: 'Access is decided when a mapping is made, by frames of 4 KiB: a neighbour in the same frame or an old mapping is enough to drive a device of somebody else.',
  watch: (): Watcher => {
    const reported = new Set<string>();
    return {
      'registers.reached': ({ data }, watching) => {
        if (data.function === null || !isOrdinary(watching, data.domid)) return;
        const name = xenName(watching.state, watching.env, data.function);
        const owner = name === null ? undefined : watching.state.xen.devices[name]?.owner;
        if (name === null || owner === undefined || owner === data.domid) return;
        const key = `${data.domid} ${name} ${owner} ${data.space}`;
        if (reported.has(key)) return;
        reported.add(key);
        const did = data.dir === 'read' ? 'read' : 'wrote';
        const what = `${data.space === 'port' ? 'port' : 'register'} at ${hex(data.address)}`;
        watching.report(
          about(
            watching,
            data.function,
            `d${data.domid} ${did} a ${what} of ${formatSbdf(name)}, which ${owner === domids.IO ? 'is in quarantine' : `belongs to ${ownerText(owner)}`}, ${ways[data.through]}`,
            { domain: data.domid, owner, through: data.through, address: hex(data.address) },
          ),
        );
      },
    };
  },
};

/** Frames of [first, last] that a domain still has a way to. */
function stillMapped({ state }: Watching, domid: number, first: number, last: number): readonly number[] {
  const entries = Object.values(state.pageTables[domid] ?? {}).map(({ frame }) => frame);
  const inSecondStage = (state.physmap[domid]?.mmio ?? []).flatMap(({ mfn, count }) =>
    // The part of the mapping that lies in the range: its first frame stands for it.
    mfn <= last && mfn + count > first ? [Math.max(mfn, first)] : [],
  );
  const inRange = entries.filter((frame) => frame >= first && frame <= last);
  return [...new Set([...inRange, ...inSecondStage])].toSorted((a, b) => a - b);
}

const staleMapping: Rule = {
  code: 'ASG-017',
  severity: 'error',
  title: 'A mapping of registers outlives the permission',
  doc: 'Taking a permission away undoes no mapping: what a guest has in its page tables it goes on using, whoever gets the device next.',
  watch: (): Watcher => ({
    'permission.changed': ({ data }, watching) => {
      if (data.allowed || data.resource !== 'iomem' || !isOrdinary(watching, data.domid)) return;
      const left = stillMapped(watching, data.domid, Number(data.first), Number(data.last));
      if (left.length === 0) return;
      const decoded = decoderOf(watching, 'memory', left[0]! * 4096);
      watching.report(
        about(
          watching,
          decoded?.function ?? null,
          `d${data.domid} may no longer use frames ${data.first}-${data.last} and still maps ${left.map(hex).join(', ')}`,
          { domain: data.domid, first: data.first, last: data.last, mapped: left.map(hex) },
        ),
      );
    },
  }),
};

/** Rules about registers a guest gets at without having the device. @source facts/xen 7.1 */
export const touchRules: readonly Rule[] = [foreignRegisters, staleMapping];
