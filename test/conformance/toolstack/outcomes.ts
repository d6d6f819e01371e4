import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ptIrqType } from '../../../src/events/abi/domctl.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { readTap, type TapCall } from '../../../src/importers/xen-tap.js';
import { PCIBACK } from '../../../src/models/linux/sysfs.js';
import { type Dom0Sbdf, formatSbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { recordingText } from '../recording.js';
import { type Row, RowBuilder } from '../row.js';
import { isPciPath } from './plan.js';
import { printedMessages } from './printed.js';
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

function isStep(call: TapCall): boolean {
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

/**
 * Configuration writes of the resets pciback makes when it takes a device and when it lets go of one: the writes to
 * the device, and to the control register of the bridge above it, next to the change of owner. Null without a tap.
 */
export function resetRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const text = recordingText(run, 'tap.jsonl');
  if (text === null) return null;
  const row = new RowBuilder(set, `${name}/tap.jsonl: resets`);
  const calls = readTap(text, `${name}/tap.jsonl`);
  // Some taps were not told to look at configuration writes.
  if (!calls.some((call) => call.fn === 'pci_conf_write_intercept')) return null;
  let after = 0;
  for (const { op, device, writes } of resetsOf(machine)) {
    const ownerOp = op === 'assignable-add' ? 'assign_device' : 'deassign_device';
    const at = calls.findIndex(
      (call, i) =>
        i >= after &&
        call.op === ownerOp &&
        call.domain === DOMID_IO &&
        call.args?.['machine_sbdf'] === device,
    );
    if (at < 0) continue;
    after = at + 1;
    const recorded: string[] = [];
    const step = op === 'assignable-add' ? -1 : 1;
    for (let i = at + step; i >= 0 && i < calls.length && recorded.length < writes.length; i += step) {
      const call = calls[i]!;
      if (isStep(call) && call.op !== 'release_msix') break;
      if (call.fn !== 'pci_conf_write_intercept' || call.args === null) continue;
      const line = writeText(
        String(call.args['sbdf']),
        Number(call.args['reg']),
        Number(call.args['size']),
        Number(call.args['data']),
      );
      if (isResetWrite(line, device)) recorded.push(line);
    }
    if (step < 0) recorded.reverse();
    for (const [i, line] of writes.entries()) {
      row.compare(
        `${op} ${formatSbdf(device as Dom0Sbdf)} write ${i + 1}`,
        'write',
        recorded[i] ?? null,
        line,
      );
    }
  }
  return row.row();
}

const DOMID_IO = 0x7ff1;

/** Whether bus mastering was on before depends on drivers that XenStore does not see, so that bit is left out. */
const writeText = (sbdf: string, reg: number, size: number, value: number): string =>
  `${sbdf} ${reg.toString(16)}:${size} ${((reg === 4 ? value & ~4 : value) >>> 0).toString(16)}`;

/** Word writes to the command register are a driver's. */
const isResetWrite = (line: string, device: number): boolean =>
  (line.startsWith(formatSbdf(device as Dom0Sbdf)) && !/ 4:2 /.test(line)) || / 3e:2 /.test(line);

interface Reset {
  readonly op: string;
  readonly device: number;
  readonly writes: readonly string[];
}

/** Resets of the model, each with its writes in order. */
function resetsOf(machine: RecordedMachine): readonly Reset[] {
  const resets: { op: string; device: number; writes: string[] }[] = [];
  for (const event of machine.log) {
    if (event.kind === 'toolstack.requested') {
      const { op, devices } = event.data;
      const device = parseSbdf(devices.split(',')[0]!) ?? -1;
      resets.push({ op, device, writes: [] });
    } else if (event.kind === 'linux.config-written') {
      const own = resets.at(-1);
      if (own === undefined) continue;
      const { sbdf, reg, size, value } = event.data;
      const line = writeText(formatSbdf(sbdf), reg, size, value);
      if (isResetWrite(line, own.device)) own.writes.push(line);
    }
  }
  return resets.filter(
    ({ op, writes }) => writes.length > 0 && (op === 'assignable-add' || op === 'assignable-remove'),
  );
}

/** Arguments both sides know, by name. */
function shown(
  op: string,
  args: RecordObject,
  domain: number | null,
  ret: number | null,
  call: TapCall | null,
) {
  const names = Object.keys(call?.args ?? args)
    .filter((key) => key !== 'domain' && key in args)
    .toSorted();
  const subject = domain ?? (typeof args['domain'] === 'number' ? args['domain'] : null);
  return { op, domain: subject, args: Object.fromEntries(names.map((key) => [key, args[key] ?? null])), ret };
}

/** The PCI part of the final XenStore tree, with permissions. Null without a snapshot. */
export function treeRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const text = recordingText(join(run, 'snap-end'), 'xenstore-ls-fp.txt');
  if (text === null) return null;
  const row = new RowBuilder(set, `${name}/snap-end/xenstore-ls-fp.txt`);
  const recorded = new Map<string, string>();
  for (const match of text.matchAll(/^(\/\S*) = "(.*)" +\((\S*)\)$/gm)) {
    if (isPciPath(match[1]!)) recorded.set(match[1]!, `"${match[2]}" (${match[3]})`);
  }
  const known = machine.atSnapshot?.tree ?? new Map<string, string>();
  for (const path of [...new Set([...recorded.keys(), ...known.keys()])].toSorted()) {
    if (guestsOwn.test(path))
      row.unmodelled('grant references and event channels are numbered by the guest kernel');
    else row.compare(path, 'node', recorded.get(path) ?? null, known.get(path) ?? null);
  }
  return row.row();
}

const guestsOwn = /\/(pci-op-ref|event-channel)$/;

/** pciback's files at the end, line by line, and what `xl pci-assignable-list` printed. Null without a snapshot. */
export function sysfsRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const text = recordingText(join(run, 'snap-end'), 'pciback-sysfs.txt');
  if (text === null) return null;
  const row = new RowBuilder(set, `${name}/snap-end/pciback-sysfs.txt`);
  for (const block of text.split(/^(?=== )/m)) {
    const [head, ...lines] = block.split('\n').filter((line) => line !== '');
    const file = /^== (\S+)$/.exec(head ?? '')?.[1];
    if (file === undefined || !file.startsWith(PCIBACK)) continue;
    const own = (machine.atSnapshot?.files.get(file) ?? []).filter((line) => line !== '');
    const count = /:\d+$/;
    if (file.endsWith('irq_handlers')) {
      if (lines.length > 0) row.unmodelled('how often an interrupt came depends on the device', lines.length);
      const shape = (list: readonly string[]): readonly string[] =>
        list.map((line) => line.replace(count, ''));
      row.compare(file, 'handlers', shape(lines), shape(own));
    } else if (lines.length === 0) row.compare(file, 'empty file', [], own);
    else
      for (let i = 0; i < Math.max(lines.length, own.length); i++)
        row.compare(`${file} line ${i + 1}`, 'line', lines[i] ?? null, own[i] ?? null);
  }
  const list = recordingText(join(run, 'snap-end'), 'xl-pci-assignable-list.txt');
  if (list !== null) {
    row.compare(
      'xl-pci-assignable-list.txt',
      'list',
      list
        .split('\n')
        .map((line) => line.trimEnd())
        .filter((line) => line !== ''),
      machine.atSnapshot?.list ?? [],
    );
  }
  return row.row();
}

/** Errors and warnings of xl about PCI, each file's in order. Null when nothing was printed. */
export function messageRow(set: string, name: string, run: string, machine: RecordedMachine): Row | null {
  const row = new RowBuilder(set, `${name}: messages of xl`);
  let any = false;
  for (const file of messageFiles(run)) {
    const own = machine.log.flatMap((event) =>
      event.kind === 'toolstack.logged' && event.data.level !== 'output'
        ? [`${event.data.level}: ${event.data.text}`]
        : [],
    );
    let at = 0;
    for (const { text } of printedMessages(recordingText(run, file) ?? '')) {
      any = true;
      if (!/pci|pciback|quarantine|assign|DM to remove|Backend .* not ready|driver|devices/i.test(text)) {
        row.unmodelled('message about something else than PCI');
        continue;
      }
      // Commands may have their own files, and a job's log what it chose of them: others may stand between.
      const found = own.indexOf(text, at);
      row.check(found >= 0, () => ({
        at: file,
        input: 'message',
        expected: text,
        actual: own[at] ?? 'nothing more',
      }));
      if (found >= 0) at = found + 1;
    }
  }
  return any ? row.row() : null;
}

/** Files that hold what xl printed. */
export function messageFiles(run: string): readonly string[] {
  const logsIn = (folder: string): readonly string[] => {
    const path = join(run, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .filter((file) => /xl-.*\.log(\.xz)?$/.test(file))
      .toSorted()
      .map((file) => join(folder, file.replace(/\.xz$/, '')));
  };
  return ['job.log', ...logsIn(''), ...logsIn('log-xen')];
}
