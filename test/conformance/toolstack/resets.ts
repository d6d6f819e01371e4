import { readTap, type TapCall } from '../../../src/importers/xen-tap/read.js';
import { type Dom0Sbdf, formatSbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { recordingText } from '../recording.js';
import { type Row, RowBuilder } from '../row.js';
import { isStep } from './hypercalls.js';
import type { RecordedMachine } from './recorded-machine.js';

const DOMID_IO = 0x7ff1;

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
    if (at >= 0) after = at + 1;
    const recorded = at < 0 ? [] : writesBeside(calls, at, op === 'assignable-add', device, writes.length);
    for (let i = 0; i < Math.max(writes.length, recorded.length); i++) {
      row.compare(
        `${op} ${formatSbdf(device as Dom0Sbdf)} write ${i + 1}`,
        'write',
        recorded[i] ?? null,
        writes[i] ?? null,
      );
    }
  }
  return row.row();
}

/**
 * Reset writes before or after a change of owner. As many as the model makes may have other accesses between them;
 * beyond those, whatever follows at once is one too many.
 */
function writesBeside(
  calls: readonly TapCall[],
  at: number,
  before: boolean,
  device: number,
  count: number,
): readonly string[] {
  const found: string[] = [];
  const step = before ? -1 : 1;
  for (let i = at + step; i >= 0 && i < calls.length; i += step) {
    const call = calls[i]!;
    if (isStep(call)) break;
    if (call.fn !== 'pci_conf_write_intercept' || call.args === null) continue;
    const { sbdf, reg, size, data } = call.args;
    const line = writeText(String(sbdf), Number(reg), Number(size), Number(data));
    if (isResetWrite(line, device)) found.push(line);
    else if (found.length >= count) break;
  }
  return before ? found.reverse() : found;
}

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
