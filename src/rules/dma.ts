import { hex } from '../base/hex.js';
import { requesterNamed } from '../models/xen/vtd/translate.js';
import { type FunctionId, formatFunction } from '../pci/function-id.js';
import { formatSbdf, type XenSbdf } from '../pci/sbdf.js';
import { about } from './msi.js';
import { dom0Name, xenName } from './names.js';
import type { Rule, Watcher, Watching } from './rule.js';

/** The guest that has a device: in Xen's book, or, where Xen keeps none, in pciback's. Null: no guest. */
function guestOf({ state, env }: Watching, fn: FunctionId): number | null {
  const name = xenName(state, env, fn);
  const owner = name === null ? undefined : state.xen.devices[name]?.owner;
  if (owner !== undefined && owner !== null && state.domains[owner]?.hardware === false) return owner;
  const inLinux = dom0Name(state, env, fn);
  return inLinux === null ? null : (state.pciback.devices[inLinux]?.exportedTo ?? null);
}

function nameOf({ state, env }: Watching, fn: FunctionId): string {
  const name = xenName(state, env, fn);
  return name === null ? formatFunction(fn, env.platform) : formatSbdf(name);
}

const foreignMemory: Rule = {
  code: 'IOM-007',
  severity: 'error',
  title: "A guest's device reached memory the guest must not touch",
  doc: "The memory is another domain's, Xen's, or a page table of the guest itself: whoever drives the device can read it or take it over. Nothing but an IOMMU stands in the way of a device.",
  watch: (): Watcher => {
    const reported = new Set<string>();
    return {
      'memory.reached': ({ data }, watching) => {
        if (data.whose === 'nobody') return;
        const fn = data.function;
        const guest = guestOf(watching, fn);
        if (guest === null || (data.owner === guest && data.whose === 'guest')) return;
        const whose =
          data.whose === 'xen'
            ? "Xen's memory"
            : data.owner === guest
              ? 'a page table of its own'
              : `memory of d${data.owner}`;
        const key = `${fn} ${data.dir} ${whose}`;
        if (reported.has(key)) return;
        reported.add(key);
        const did = data.dir === 'read' ? 'read' : 'wrote';
        const way = data.through === null ? 'untranslated' : `through the tables of d${data.through}`;
        watching.report(
          about(
            watching,
            fn,
            `${nameOf(watching, fn)} of d${guest} ${did} ${hex(data.address)}, ${whose}, ${way}`,
            {
              guest,
              whose: data.whose,
              owner: data.owner,
              through: data.through,
              address: hex(data.address),
            },
          ),
        );
      },
    };
  },
};

const sharedRequester: Rule = {
  code: 'IOM-008',
  severity: 'error',
  title: 'One requester id stands for devices of different domains',
  doc: "Requests of conventional devices come under the id of the bridge above them: the entry Xen wrote for one of them is everybody's, and taking one device away cuts off the others.",
  watch: (): Watcher => {
    return {
      'vtd.programmed': ({ data }, watching) => {
        if (data.stands === 'function') return;
        const { state, env } = watching;
        const id = formatSbdf(data.requester);
        for (const [key, device] of Object.entries(state.xen.devices)) {
          const name = Number(key) as XenSbdf;
          const fn = device.function;
          if (name === data.device || fn === null || device.type !== 'pci') continue;
          if (device.owner === null || device.owner === data.domid) continue;
          // Dom0's own devices beside each other, and those in quarantine, have nothing to lose.
          const guest = guestOf(watching, fn);
          const toGuest = data.domid !== null && state.domains[data.domid]?.hardware === false;
          if (guest === null && (!toGuest || state.domains[device.owner] === undefined)) continue;
          if (requesterNamed({ state, env }, fn) !== data.requester) continue;
          const now =
            data.root === 'none'
              ? 'and has no entry any more'
              : `and now goes through the tables of ${data.domid === null ? data.root : `d${data.domid}`}`;
          watching.report(
            about(watching, fn, `${formatSbdf(name)} of d${device.owner} sends as ${id} ${now}`, {
              requester: id,
              owner: device.owner,
              translatedBy: data.domid,
            }),
          );
        }
      },
    };
  },
};

const unknownRequester: Rule = {
  code: 'IOM-009',
  severity: 'error',
  title: 'A device sends under an id Xen has no entry for',
  doc: 'Xen wrote an entry for the function itself; the requests come as another function of the slot, or as the bridge after a neighbour was taken away. `pci-phantom=` names functions a device sends as.',
  watch: (): Watcher => {
    const reported = new Set<FunctionId>();
    return {
      'vtd.faulted': ({ data }, watching) => {
        const fn = data.function;
        if (data.domid !== null || reported.has(fn)) return;
        const name = xenName(watching.state, watching.env, fn);
        if (name === null || name === data.requester) return;
        const owner = watching.state.xen.devices[name]?.owner ?? null;
        // In quarantine there is to be no entry.
        if (owner === null || watching.state.domains[owner] === undefined) return;
        reported.add(fn);
        watching.report(
          about(
            watching,
            fn,
            `${formatSbdf(name)} of d${owner} sends as ${formatSbdf(data.requester)}: ${data.text}`,
            {
              owner,
              requester: formatSbdf(data.requester),
              address: hex(data.address),
            },
          ),
        );
      },
    };
  },
};

/** Rules about whose memory devices reach, and under which names they ask. */
export const dmaRules: readonly Rule[] = [foreignMemory, sharedRequester, unknownRequester];
