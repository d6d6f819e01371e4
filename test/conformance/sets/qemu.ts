import { readdirSync } from 'node:fs';
import { Trouble } from '../../../src/base/errors.js';
import { QemuLogParser } from '../../../src/importers/qemu-log/parser.js';
import { createMachine } from '../../../src/models/qemu/create.js';
import { readConfig } from '../../../src/models/qemu/function/config-space.js';
import { imageOf, type QemuMachine } from '../../../src/models/qemu/machine.js';
import { findFunction } from '../../../src/models/qemu/routing.js';
import { Player } from '../qemu/player.js';
import { Plugging, pathOf } from '../qemu/plugging.js';
import { type PlugCommand, type RecordedBoot, recordedBoot, traceChunks } from '../qemu/recorded-boot.js';
import { describeMachine, functionBytes } from '../qemu/topology.js';
import { undecidedBits } from '../qemu/undecided.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/**
 * Recorded boots and hot-plug runs of real guests under a real QEMU. The machine starts from the documented bytes of
 * its functions and takes the guest's accesses; every trace line that followed is predicted, and the configuration
 * space at each marker is the `lspci -xxxx` the guest printed there. One row per recording.
 */
export const qemuSet: ConformanceSet = {
  name: 'qemu',
  folder: 'qemu',
  async *rows(folder: string): AsyncIterable<Row> {
    const entries = readdirSync(folder, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    let trouble: Trouble | null = null;
    for (const name of folders.sort()) {
      try {
        const boot = recordedBoot(folder, name);
        if (boot !== null) yield await judge(boot);
      } catch (error) {
        // One recording that cannot be read is no reason to keep the others' rows back.
        if (!(error instanceof Trouble)) throw error;
        trouble ??= error;
      }
    }
    if (trouble !== null) throw trouble;
  },
};

async function judge(boot: RecordedBoot): Promise<Row> {
  const row = new RowBuilder('qemu', boot.name);
  const cold = describeMachine(boot.cold, boot.ramMib, boot.hotplugged.map(functionBytes));
  const machine = createMachine(cold);
  const imageOfCommand = (command: PlugCommand): number | undefined => {
    const path = pathOf(machine, command);
    const at = boot.hotplugged.findIndex(
      (device) => device.path === path && device.qemu_name === command.args['driver'],
    );
    return at < 0 ? undefined : cold.functions.length + at;
  };
  const player = new Player(machine, row);
  const plugging = new Plugging(machine, boot, imageOfCommand);
  const dumps = dumpsByLine(boot);
  const parser = new QemuLogParser((record) => {
    const dump = dumps.get(record.line);
    if (dump !== undefined) compareDump(row, machine, dump);
    if (plugging.before(record)) player.sent();
    player.play(record);
  });
  for await (const chunk of traceChunks(boot.tracePath)) parser.push(chunk);
  parser.finish();
  player.end();
  return row.row();
}

interface Dump {
  readonly tag: string;
  readonly functions: Readonly<Record<string, string>>;
}

/** Markers tell where the dumps stand: before, each step in order, final. */
function dumpsByLine(boot: RecordedBoot): Map<number, Dump> {
  const found = new Map<number, Dump>();
  const steps = Object.keys(boot.dumps).filter((tag) => tag !== 'before' && tag !== 'final');
  for (const { marker, first_line } of boot.markers) {
    const step = /^before-dump-step-(\d+)$/.exec(marker);
    const tag =
      marker === 'after-dump-before'
        ? 'before'
        : marker === 'before-dump-final'
          ? 'final'
          : step === null
            ? undefined
            : steps[Number(step[1])];
    const functions = tag === undefined ? undefined : boot.dumps[tag];
    if (tag !== undefined && functions !== undefined) found.set(first_line, { tag, functions });
  }
  return found;
}

/** One check per dword of each function the guest printed. */
function compareDump(row: RowBuilder, machine: QemuMachine, { tag, functions }: Dump): void {
  const observer = machine.observer;
  machine.observer = null;
  for (const [name, hex] of Object.entries(functions)) {
    const [bus = '0', device = '0', fn = '0'] = name.slice(-7).split(/[:.]/);
    const devfn = Number.parseInt(device, 16) * 8 + Number(fn);
    const found = findFunction(machine, Number.parseInt(bus, 16), devfn);
    for (let at = 0; at < hex.length / 2; at += 4) {
      // A dump that ends inside a dword is compared as far as it goes.
      const digits = hex.slice(2 * at, 2 * at + 8);
      const given = digits.length === 8 ? 0xffff_ffff : 2 ** (4 * (digits.length & ~1)) - 1;
      const expected = Buffer.from(digits.padEnd(8, '0'), 'hex').readUInt32LE();
      const actual =
        found === null
          ? 0xffff_ffff
          : readConfig(machine, found, at, 4, imageOf(machine, found).config.length);
      const left = found === null ? 0 : undecidedBits(machine, found, at);
      row.check(((expected ^ actual) & ~left & given) === 0, () => ({
        at: `dump ${tag}`,
        input: `${name} @0x${at.toString(16)}`,
        expected: `0x${expected.toString(16)}`,
        actual: `0x${actual.toString(16)}`,
      }));
    }
  }
  machine.observer = observer;
}
