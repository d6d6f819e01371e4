import type { CfgBase, DomainId, EventSeq, TraceNs } from '../../src/base/brand.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import type { TraceHeader } from '../../src/log/header.js';
import { functionId } from '../../src/pci/function-id.js';
import { bdf, type CallerSbdf, sbdf } from '../../src/pci/sbdf.js';

export const sampleHeader: TraceHeader = {
  creator: 'xpr test',
  scenario: 'sample',
  seed: 7,
  platform: { bridges: [{ cfgBase: 0xa000_0000, config: Uint8Array.of(1, 2, 3) }], wide: 2 ** 53 - 1 },
  policies: { 'segments.xen': 'dt-order' },
  switches: { xen: '4.21' },
  behaviour: [1],
  provenance: [{ file: 'a.dtb', format: 'dtb', sha256: '00', records: 1, skipped: 0, lost: 0 }],
};

/** A log of `n` events in the shape of an enumeration: pairs of input and outcome. */
export function* sampleEvents(n: number): Generator<TraceEvent> {
  for (let seq = 0; seq < n; seq++) yield sampleEvent(seq);
}

function sampleEvent(index: number): TraceEvent {
  const seq = index as EventSeq;
  const atNs = (index * 350) as TraceNs;
  const turn = index >> 1;
  const id = bdf((turn >> 8) & 7, (turn >> 3) & 31, 0);
  if (index % 2 === 1) {
    const cause = (index - 1) as EventSeq;
    if (turn % 5 === 0) {
      const data = { ret: turn % 10 === 0 ? 0 : -19, out: null };
      return { seq, atNs, kind: 'hypercall.returned', origin: 'simulated', by: 'xen', cause, data };
    }
    const data = {
      value: turn % 3 === 0 ? 0xffff_ffff : turn,
      handledBy: 'hardware',
      function: functionId(0, id),
    };
    return { seq, atNs, kind: 'config.completed', origin: 'simulated', by: 'xen', cause, data };
  }
  if (turn % 5 === 0) {
    const args = { seg: 0, bus: id >> 8, devfn: id & 0xff, flags: 0 };
    const data = { domid: 0 as DomainId, hypercall: 'physdev_op', op: 'pci_device_add', args };
    return { seq, atNs, kind: 'hypercall.issued', origin: 'simulated', by: 'd0', cause: null, data };
  }
  if (turn % 97 === 1) {
    const data = { by: 'xen', cfgBase: 0xa000_0000 as CfgBase, result: 'bound' } as const;
    return { seq, atNs, kind: 'bridge.probed', origin: 'simulated', by: 'xen', cause: null, data };
  }
  const data = {
    domid: 0 as DomainId,
    via: 'ecam',
    dir: 'read',
    sbdf: sbdf<CallerSbdf>(0, id),
    reg: (turn & 7) * 4,
    size: 4,
    value: null,
  } as const;
  return { seq, atNs, kind: 'config.requested', origin: 'simulated', by: 'd0', cause: null, data };
}
