import { domids } from '../base/domid.js';
import { errno } from '../base/errno.js';
import { hex } from '../base/hex.js';
import type { EventOf } from '../events/catalogue.js';
import type { RecordObject, RecordValue } from '../events/field.js';
import { decoderOf } from '../models/hardware/bars.js';
import { argNumber } from '../models/hypercall.js';

import { entryOf } from '../models/xen/pv/entry.js';
import { requestsOf } from '../models/xen/pv/mmu.js';
import { onAnswers } from './hypercalls.js';
import { about } from './msi.js';
import type { Rule } from './rule.js';

type Call = EventOf<'hypercall.issued'> | EventOf<'hypercall.entered'>;
type Answer = EventOf<'hypercall.returned'>;

/** A range of frames, ports or interrupts a call was about. */
interface Range {
  readonly unit: 'frame' | 'port' | 'interrupt';
  readonly first: number;
  readonly count: number;
}

/** What each call that needs a permission asks for, by sub-operation, or by hypercall where it has none. */
const asked: Readonly<Record<string, (args: RecordObject, done: number) => Range | null>> = {
  memory_mapping: frames,
  iomem_permission: frames,
  ioport_mapping: (args) => ({
    unit: 'port',
    first: argNumber(args, 'first_mport'),
    count: argNumber(args, 'nr_ports'),
  }),
  ioport_permission: (args) => ({
    unit: 'port',
    first: argNumber(args, 'first_port'),
    count: argNumber(args, 'nr_ports'),
  }),
  irq_permission: pirq,
  gsi_permission: (args) => ({ unit: 'interrupt', first: argNumber(args, 'gsi'), count: 1 }),
  map_pirq: (args) => ({ unit: 'interrupt', first: argNumber(args, 'index'), count: 1 }),
  bind_pirq: pirq,
  bind_pt_irq: () => null,
  mmu_update: (args, done) => entry(requestsOf(args['reqs'])[done]?.['val']),
  update_va_mapping: (args) => entry(args['val']),
  update_va_mapping_otherdomain: (args) => entry(args['val']),
};

function frames(args: RecordObject): Range {
  return { unit: 'frame', first: argNumber(args, 'first_mfn'), count: argNumber(args, 'nr_mfns') };
}

function pirq(args: RecordObject): Range {
  return { unit: 'interrupt', first: argNumber(args, 'pirq'), count: 1 };
}

const entry = (value: RecordValue | undefined): Range => ({
  unit: 'frame',
  first: entryOf(value).frame,
  count: 1,
});

/** Name of the call: that of the sub-operation where it has one. */
const nameOf = ({ data }: Call): string => (data.op === '' ? data.hypercall : data.op);

function subjectOf({ data }: Call): number {
  const named = data.args['domain'] ?? data.args['domid'];
  return typeof named !== 'number' || named === domids.SELF ? data.domid : named;
}

function rangeText({ unit, first, count }: Range): string {
  const number = unit === 'interrupt' ? String : hex;
  return count <= 1
    ? ` of ${unit} ${number(first)}`
    : ` of ${unit}s ${number(first)}-${number(first + count - 1)}`;
}

/** Refusals for want of a permission; one that asks for another domain needs the caller's too. */
export const outsideGrants: Rule = {
  code: 'ASG-010',
  severity: 'error',
  title: 'An access outside of what a domain may use',
  doc: 'A guest, its device model or the toolstack asked Xen for frames, ports or interrupts that the guest, or the caller itself, has no permission for.',
  watch: () =>
    onAnswers(
      (call) => Object.hasOwn(asked, nameOf(call)),
      (call: Call, answer: Answer, watching) => {
        if (answer.data.ret !== -errno.EPERM) return;
        const name = nameOf(call);
        const range = asked[name]!(call.data.args, Number(answer.data.out?.['done'] ?? 0));
        const domain = subjectOf(call);
        const device =
          range === null || range.unit === 'interrupt'
            ? null
            : range.unit === 'frame'
              ? decoderOf(watching, 'memory', range.first * 4096)
              : decoderOf(watching, 'port', range.first);
        watching.report(
          about(
            watching,
            device?.function ?? null,
            `${name}${range === null ? '' : rangeText(range)} for d${domain} was refused: no permission`,
            { op: name, domain, caller: call.data.domid },
          ),
        );
      },
    ),
};
