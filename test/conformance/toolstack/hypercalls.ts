import { ptIrqType } from '../../../src/events/abi/domctl.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { readTap, type TapCall } from '../../../src/importers/xen-tap/read.js';
import { recordingText } from '../recording.js';
import { type Row, RowBuilder } from '../row.js';
import type { RecordedMachine } from './recorded-machine.js';

const DOMID_SELF = 0x7ff0;

/**
 * Calls of xl, of pciback, and of the device model when it takes a device. What a guest or Dom0's own drivers bring
 * about is judged by the set `xen-tap`.
 */
const compared: ReadonlySet<string> = new Set([
  'assign_device',
  'deassign_device',
  'test_assign_device',
  'iomem_permission',
  'ioport_permission',
  'irq_permission',
  'gsi_permission',
  'prepare_msix',
  'release_msix',
]);

export function isStep(call: TapCall): boolean {
  if (call.caller !== 0) return false;
  const { args } = call;
  switch (call.op) {
    case 'map_pirq':
      return args?.['domid'] !== DOMID_SELF && args?.['type'] === 1;
    case 'unmap_pirq':
      return args?.['domid'] !== DOMID_SELF && Number(args?.['pirq']) < 24;
    case 'bind_pt_irq':
      return args?.['irq_type'] === ptIrqType.PCI;
    default:
      return compared.has(call.op);
  }
}

/** Domctls and physdev operations of the steps, in order, with arguments and results. Null without a tap. */
export function hypercallRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const text = recordingText(run, 'tap.jsonl');
  if (text === null) return null;
  const row = new RowBuilder(set, `${name}/tap.jsonl: passthrough calls`);
  const answers = new Map<number, number>();
  for (const event of machine.log) {
    if (event.kind === 'hypercall.returned' && event.cause !== null) answers.set(event.cause, event.data.ret);
  }
  const own = machine.log.filter(isEntered).filter(({ data }) => {
    const { domid, op, args } = data;
    const domain = typeof args['domain'] === 'number' ? args['domain'] : null;
    const asTap = {
      seq: 0,
      line: 0,
      caller: domid,
      fn: 'domctl',
      op,
      domain,
      args,
      ret: 0,
      out: null,
    } as TapCall;
    return isStep(asTap);
  });
  let at = 0;
  for (const call of readTap(text, `${name}/tap.jsonl`)) {
    if (call.fn === 'pci_conf_write_intercept' || !isStep(call)) continue;
    const event = own[at];
    at += 1;
    const known =
      event === undefined
        ? null
        : shown(event.data.op, event.data.args, null, answers.get(event.seq) ?? null, call);
    row.compare(
      `seq ${call.seq}`,
      call.op,
      shown(call.op, call.args ?? {}, call.domain, call.ret, call),
      known,
    );
  }
  for (const event of own.slice(at))
    row.compare(
      'after the end',
      event.data.op,
      null,
      shown(event.data.op, event.data.args, null, null, null),
    );
  return row.row();
}

const isEntered = (event: TraceEvent): event is Extract<TraceEvent, { kind: 'hypercall.entered' }> =>
  event.kind === 'hypercall.entered';

/** A call with its arguments; a tap that did not follow the argument is held against the name and the result. */
function shown(
  op: string,
  args: RecordObject,
  domain: number | null,
  ret: number | null,
  call: TapCall | null,
) {
  const names = Object.keys(call?.args ?? args)
    .filter((key) => key !== 'domain')
    .toSorted();
  const subject = domain ?? (typeof args['domain'] === 'number' ? args['domain'] : null);
  return { op, domain: subject, args: Object.fromEntries(names.map((key) => [key, args[key] ?? null])), ret };
}
