import type { DomainId, EventSeq, TraceNs } from '../../src/base/brand.js';
import { Prng } from '../../src/base/prng.js';
import { creator } from '../../src/base/release.js';
import type { DataOf, KindName, Origin, TraceEvent } from '../../src/events/catalogue.js';
import type { TraceHeader } from '../../src/log/header.js';
import { functionId } from '../../src/pci/function-id.js';
import { bdf, type CallerSbdf, sbdf } from '../../src/pci/sbdf.js';

export const benchHeader: TraceHeader = {
  creator,
  scenario: 'bench',
  seed: 1,
  platform: { bridges: [] },
  policies: {},
  switches: {},
  behaviour: [],
  provenance: [],
};

/**
 * Events shaped like Dom0 enumerating two bridges again and again: vendor and header reads of every slot, BAR sizing
 * of those that answer, one hypercall per device found, with irregular times. The same for every run.
 */
export function* enumeration(count: number): Generator<TraceEvent> {
  const prng = new Prng(1);
  let seq = 0;
  let now = 0;
  const envelope = <K extends KindName>(
    kind: K,
    by: string,
    cause: number | null,
    data: DataOf<K>,
  ): TraceEvent => {
    now += 200 + prng.below(60);
    return {
      seq: seq++ as EventSeq,
      atNs: now as TraceNs,
      kind,
      origin: 'simulated' satisfies Origin,
      by,
      cause: cause as EventSeq | null,
      data,
    } as unknown as TraceEvent;
  };
  const domid = 0 as DomainId;
  while (seq < count) {
    for (let slot = 0; slot < 512; slot++) {
      const bridge = slot >> 8;
      const id = bdf((slot >> 5) & 7, slot & 31, 0);
      const name = sbdf<CallerSbdf>(bridge, id);
      const present = prng.below(4) === 0;
      const reads = present ? [0x00, 0x08, 0x0c, 0x10, 0x10, 0x14, 0x14, 0x2c, 0x34, 0x3c] : [0x00];
      for (let i = 0; i < reads.length; i++) {
        const reg = reads[i]!;
        const write = (reg === 0x10 || reg === 0x14) && i % 2 === 1;
        const value = write ? 0xffff_ffff : null;
        const dir = write ? 'write' : 'read';
        const asked = seq;
        yield envelope('config.requested', 'd0', null, {
          domid,
          via: 'ecam',
          dir,
          sbdf: name,
          reg,
          size: 4,
          value,
        });
        const answer = write
          ? null
          : present
            ? 0x1000_8086 + reg * 0x0101 + (prng.below(8) << 16)
            : 0xffff_ffff;
        yield envelope('config.completed', 'xen', asked, {
          value: answer,
          handledBy: 'hardware',
          function: functionId(bridge, id),
        });
      }
      if (!present) continue;
      const args = { seg: bridge, bus: id >> 8, devfn: id & 0xff, flags: 0, physfn: { bus: 0, devfn: 0 } };
      const asked = seq;
      yield envelope('hypercall.issued', 'd0', null, {
        domid,
        hypercall: 'physdev_op',
        op: 'pci_device_add',
        args,
      });
      yield envelope('hypercall.returned', 'xen', asked, { ret: prng.below(16) === 0 ? -19 : 0, out: null });
    }
  }
}
