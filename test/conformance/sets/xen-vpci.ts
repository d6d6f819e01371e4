import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../../../src/base/hex.js';
import { recordingNames, recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';
import { BusLog } from '../vpci/bus.js';
import { declared, Machine } from '../vpci/machine.js';
import { readVpciTap, type TapCall } from '../vpci/tap.js';

/** Calls by which a place in the bus log is told from others. */
const LOOK_AHEAD = 160;

/**
 * A PVH hardware domain's configuration accesses. Two rows a recording: every call of `vpci_read` and `vpci_write`
 * (`tap.jsonl`; a write's check is what it does to hardware), and every write the hardware saw meanwhile
 * (`qemu-trace.log`; each must be one the model foretold). docs/models/vpci.md says how the prediction is kept apart
 * from the answer.
 */
export const xenVpciSet: ConformanceSet = {
  name: 'xen-vpci',
  folder: 'xen',
  *rows(folder) {
    for (const name of recordingNames(folder)) {
      const run = join(folder, name);
      if (!existsSync(join(run, 'tap.jsonl')) && !existsSync(join(run, 'tap.jsonl.xz'))) continue;
      const calls = readVpciTap(recordingText(run, 'tap.jsonl')!, `${name}/tap.jsonl`);
      if (calls.length > 0) yield* judge(name, run, calls);
    }
  },
};

function judge(name: string, run: string, calls: readonly TapCall[]): Row[] {
  const log = `${recordingText(run, 'xen-console.log') ?? ''}\n${recordingText(run, 'xl-info.txt') ?? ''}`;
  const bus = new BusLog(recordingText(run, 'qemu-trace.log') ?? '', `${name}/qemu-trace.log`);
  const machine = new Machine(bus, calls, log);
  const tapRow = new RowBuilder('xen-vpci', `${name}/tap.jsonl`);
  for (const [index, call] of calls.entries()) {
    if (call.value === null) {
      tapRow.unmodelled(declared.ended);
      continue;
    }
    machine.enter(call, calls.slice(index, index + LOOK_AHEAD));
    const input = `${call.dir} ${call.sbdf} ${hex(call.reg)} size ${call.size}`;
    const at = `seq ${call.seq}`;
    if (call.dir === 'read') tapRow.compare(at, input, hex(call.value), hex(machine.read(call)));
    else {
      machine.write(call, call.value);
      const lost = machine.lostWrites;
      tapRow.check(lost.length === 0, () => ({
        at,
        input: `${input} data ${hex(call.value!)}`,
        expected: `hardware saw ${lost.map(({ reg, seen }) => `${hex(reg)} <- ${seen === null ? 'nothing' : hex(seen)}`).join(', ')}`,
        actual: `the model wrote ${lost.map(({ reg, value }) => `${hex(reg)} <- ${hex(value)}`).join(', ')}`,
      }));
    }
  }
  const busRow = new RowBuilder('xen-vpci', `${name}/qemu-trace.log`);
  machine.judgeWrites(busRow);
  return [tapRow.row(), busRow.row()];
}
