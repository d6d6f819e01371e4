import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Trouble } from '../../../src/base/errors.js';
import { createMachine } from '../../../src/models/qemu/create.js';
import { addedTypes } from '../../../src/models/qemu/devices/added-types.js';
import { deviceType, deviceTypes } from '../../../src/models/qemu/devices/device-types.js';
import type { FunctionBytes } from '../../../src/models/qemu/image.js';
import { QtestMachine } from '../qemu/qtest.js';
import { describeMachine, functionBytes, type RecordedTopology } from '../qemu/topology.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

interface Meta {
  readonly seq: string;
  readonly topology: string;
  readonly mem_mb: number;
}

interface Vector {
  readonly cmd: string;
  readonly reply: string;
  readonly async?: readonly string[];
}

/**
 * Commands sent to a real QEMU with its replies: every reply is predicted from the machine's documented initial
 * bytes and masks. One row per sequence. What lies behind a device's own registers is unmodelled, by region.
 */
export const qtestSet: ConformanceSet = {
  name: 'qtest',
  folder: 'qemu/qtest-vectors',
  rows: judgeFolder,
};

/** Judges every sequence of every `.jsonl` file beside a `topologies.json.gz`. */
export function* judgeFolder(folder: string): Iterable<Row> {
  const topologies = readTopologies(join(folder, 'topologies.json.gz'));
  const pluggable = pluggableFunctions(topologies);
  for (const file of readdirSync(folder).sort()) {
    if (file.endsWith('.jsonl')) yield* sequences(join(folder, file), file, topologies, pluggable);
  }
}

type Topologies = Readonly<Record<string, RecordedTopology>>;

/** One row per sequence of a file; each starts on a fresh machine. */
function* sequences(
  path: string,
  file: string,
  topologies: Topologies,
  pluggable: readonly FunctionBytes[],
): Iterable<Row> {
  let row: RowBuilder | null = null;
  let machine: QtestMachine | null = null;
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (line === '') continue;
    const entry = JSON.parse(line) as Partial<Vector> & { readonly meta?: Meta };
    if (entry.meta !== undefined) {
      if (row !== null) yield row.row();
      row = new RowBuilder('qtest', `${file}#${entry.meta.seq}`);
      machine = startMachine(topologies, entry.meta, pluggable, file);
      continue;
    }
    if (row === null || machine === null) {
      throw new Trouble('CNF-010', 'a command before the first meta line', { file, at: { line: index + 1 } });
    }
    judge(row, machine, `line ${index + 1}`, entry as Vector);
  }
  if (row !== null) yield row.row();
}

export function readTopologies(path: string): Topologies {
  if (!existsSync(path)) {
    throw new Trouble('CNF-010', 'no topologies.json.gz', {
      file: path,
      hint: 'it documents the initial bytes',
    });
  }
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as Topologies;
}

/** Device types that occur anywhere in the set can also be hot-added, and those the model knows by itself. */
function pluggableFunctions(topologies: Topologies): FunctionBytes[] {
  const byType = new Map<string, FunctionBytes>();
  for (const topology of Object.values(topologies)) {
    for (const device of topology.devices) {
      const bytes = functionBytes(device);
      // A function started with options that give it other BARs is not what a plain request adds.
      const plain = deviceType(bytes.type);
      if (plain !== null && plain.bars.length !== bytes.bars.length) continue;
      if (!byType.has(bytes.type)) byType.set(bytes.type, bytes);
    }
  }
  const known = deviceTypes().flatMap((type) => deviceType(type) ?? []);
  return [...addedTypes(), ...known, ...byType.values()];
}

function startMachine(
  topologies: Topologies,
  meta: Meta,
  pluggable: readonly FunctionBytes[],
  file: string,
): QtestMachine {
  const topology = topologies[meta.topology];
  if (topology === undefined) throw new Trouble('CNF-010', `unknown topology ${meta.topology}`, { file });
  return new QtestMachine(createMachine(describeMachine(topology, meta.mem_mb, pluggable)), topology.args);
}

function judge(row: RowBuilder, machine: QtestMachine, at: string, vector: Vector): void {
  const answer = machine.answer(vector.cmd);
  if (answer.reply === null) {
    row.unmodelled(answer.reason);
    return;
  }
  row.compare(at, vector.cmd, [vector.reply, ...(vector.async ?? [])], [answer.reply, ...answer.async]);
}
