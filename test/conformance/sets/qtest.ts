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
  readonly mem_mb?: number;
}

interface Vector {
  readonly cmd: string;
  /** Null: QEMU ended at the command. */
  readonly reply: string | null;
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

/**
 * Judges every sequence of every `.jsonl` file, packed or not, beside a `topologies.json`.
 * @throws {Trouble} CNF-010 at the end, when a file could not be read: the others have their rows by then
 */
export function* judgeFolder(folder: string): Iterable<Row> {
  const topologies = readTopologies(join(folder, 'topologies.json.gz'));
  const pluggable = pluggableFunctions(topologies);
  let trouble: Trouble | null = null;
  for (const file of readdirSync(folder).sort()) {
    if (!/\.jsonl(\.gz)?$/.test(file)) continue;
    try {
      yield* sequences(join(folder, file), file, topologies, pluggable);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      trouble ??= error;
    }
  }
  if (trouble !== null) throw trouble;
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
  for (const [index, line] of readPacked(path).split('\n').entries()) {
    if (line.trim() === '') continue;
    const entry = parsed(line, { file, at: { line: index + 1 } });
    if (entry.meta !== undefined) {
      if (row !== null) yield row.row();
      row = new RowBuilder('qtest', `${file}#${entry.meta.seq}`);
      machine = startMachine(topologies, entry.meta, pluggable, file);
      continue;
    }
    if (row === null || machine === null) {
      throw new Trouble('CNF-010', 'a command before the first meta line', { file, at: { line: index + 1 } });
    }
    if (typeof entry.cmd !== 'string' || (typeof entry.reply !== 'string' && entry.reply !== null)) {
      throw new Trouble('CNF-010', 'a line without command or reply', { file, at: { line: index + 1 } });
    }
    judge(row, machine, `line ${index + 1}`, { ...entry, cmd: entry.cmd, reply: entry.reply });
  }
  if (row !== null) yield row.row();
}

type Entry = Partial<Vector> & { readonly meta?: Meta };

function parsed(
  line: string,
  where: { readonly file: string; readonly at: { readonly line: number } },
): Entry {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === 'object' && entry !== null) return entry as Entry;
  } catch {
    // Said below, with the place.
  }
  throw new Trouble('CNF-010', 'a line that is no JSON object', where);
}

/** A file as text, unpacked when its name says so. @throws {Trouble} CNF-010 it cannot be */
function readPacked(path: string): string {
  try {
    const bytes = readFileSync(path);
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new Trouble('CNF-010', 'a recording cannot be read', {
      file: path,
      actual: error instanceof Error ? error.message : String(error),
    });
  }
}

/** @param packed Path of `topologies.json.gz`; without it the plain file beside it is taken. */
export function readTopologies(packed: string): Topologies {
  const path = [packed, packed.replace(/\.gz$/, '')].find(existsSync);
  if (path === undefined) {
    throw new Trouble('CNF-010', 'no topologies.json.gz', {
      file: packed,
      hint: 'it documents the initial bytes',
    });
  }
  try {
    const found = JSON.parse(readPacked(path)) as Topologies;
    const isTopology = (t: RecordedTopology | undefined): boolean =>
      Array.isArray(t?.args) && Array.isArray(t.devices);
    if (Object.values(found).every(isTopology)) return found;
  } catch (error) {
    if (error instanceof Trouble) throw error;
  }
  throw new Trouble('CNF-010', 'topologies.json is not one: args and devices by name', { file: path });
}

/** Device types that occur anywhere in the set can also be hot-added, and those the model knows by itself. */
export function pluggableFunctions(topologies: Topologies): FunctionBytes[] {
  const byType = new Map<string, FunctionBytes>();
  for (const topology of Object.values(topologies)) {
    for (const device of topology.devices) {
      const bytes = functionBytes(device);
      if (!byType.has(bytes.type)) byType.set(bytes.type, bytes);
    }
  }
  // What the model knows is what a plain request adds; a topology's function may have been started with options.
  const known = deviceTypes().flatMap((type) => deviceType(type) ?? []);
  return [...byType.values(), ...addedTypes(), ...known];
}

function startMachine(
  topologies: Topologies,
  meta: Meta,
  pluggable: readonly FunctionBytes[],
  file: string,
): QtestMachine {
  const topology = topologies[meta.topology];
  if (topology === undefined) throw new Trouble('CNF-010', `unknown topology ${meta.topology}`, { file });
  return new QtestMachine(
    createMachine(describeMachine(topology, meta.mem_mb ?? DEFAULT_RAM_MIB, pluggable)),
    topology.args,
  );
}

/** QEMU's own when no `-m` is given. */
const DEFAULT_RAM_MIB = 128;

function judge(row: RowBuilder, machine: QtestMachine, at: string, vector: Vector): void {
  if (vector.reply === null) {
    // Where the model knows that a command ends QEMU it is held to it; elsewhere an assertion of a device may have.
    if (machine.ends(vector.cmd)) row.compare(at, vector.cmd, null, null);
    else row.unmodelled('QEMU ended at this command, and gave no answer');
    return;
  }
  if (machine.ends(vector.cmd)) {
    row.compare(at, vector.cmd, [vector.reply], 'QEMU ends');
    return;
  }
  const answer = machine.answer(vector.cmd);
  if (answer.reply === null) {
    row.unmodelled(answer.reason);
    return;
  }
  row.compare(at, vector.cmd, [vector.reply, ...(vector.async ?? [])], [answer.reply, ...answer.async]);
}
