import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip, gunzipSync } from 'node:zlib';
import { Trouble } from '../../../src/base/errors.js';
import type { RecordedFunction, RecordedTopology } from './topology.js';

/** A request of the monitor: what and when. */
export interface PlugCommand {
  readonly add: boolean;
  readonly args: Readonly<Record<string, string>>;
  /** Wall clock of the request and of its answer, in the microseconds of the trace's timestamps. */
  readonly fromUs: number;
  readonly untilUs: number;
}

/** A place in the trace: the guest announced what it does next. */
export interface Marker {
  readonly marker: string;
  readonly first_line: number;
}

/** Everything about one recorded boot but the trace. */
export interface RecordedBoot {
  readonly name: string;
  readonly tracePath: string;
  readonly cold: RecordedTopology;
  /** The functions as they are with everything hot-plugged from the start. */
  readonly hotplugged: readonly RecordedFunction[];
  readonly ramMib: number;
  readonly markers: readonly Marker[];
  /** By tag, then by `ssss:bb:dd.f`: what `lspci -xxxx` printed. */
  readonly dumps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly commands: readonly PlugCommand[];
}

interface Devices {
  readonly cold: RecordedTopology;
  readonly with_hotplugged?: RecordedTopology;
}

/** Null when the folder holds no recorded boot. @throws {Trouble} CNF-010 a file of it cannot be read */
export function recordedBoot(folder: string, name: string): RecordedBoot | null {
  const file = (base: string): string | null =>
    [join(folder, name, base), join(folder, name, `${base}.gz`)].find(existsSync) ?? null;
  const trace = file('trace.log');
  const devices = file('devices.json');
  if (trace === null || devices === null) return null;
  const described = readJson(devices) as Devices;
  const info = file('info.json');
  const cmdline = info === null ? undefined : (readJson(info) as { cmdline?: unknown }).cmdline;
  if (!Array.isArray(described.cold?.devices)) {
    throw new Trouble('CNF-010', 'devices.json has no cold.devices', { file: devices });
  }
  // A list that went through a printer is a text: the topology's own command line serves then.
  const cold = Array.isArray(cmdline) ? { ...described.cold, args: cmdline } : described.cold;
  const dumps = file('config-dumps.json');
  const dumped = (dumps === null ? {} : readJson(dumps)) as Partial<
    Pick<RecordedBoot, 'dumps'> & { markers: readonly Marker[] }
  >;
  const qmp = file('qmp.jsonl');
  return {
    name,
    tracePath: trace,
    cold,
    hotplugged: described.with_hotplugged?.devices ?? [],
    ramMib: ramMib(cold.args),
    markers: dumped.markers ?? [],
    dumps: dumped.dumps ?? {},
    commands: qmp === null ? [] : plugCommands(readText(qmp)),
  };
}

/**
 * The trace in pieces, unpacked on the way: memory does not grow with it.
 * @throws {Trouble} CNF-011 it cannot be unpacked
 */
export async function* traceChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path);
  try {
    yield* path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  } catch (error) {
    throw new Trouble('CNF-011', 'the trace cannot be unpacked', {
      file: path,
      actual: error instanceof Error ? error.message : String(error),
    });
  }
}

function readText(path: string): string {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readText(path));
  } catch (error) {
    throw new Trouble('CNF-010', 'a description of the recording cannot be read', {
      file: path,
      actual: error instanceof Error ? error.message : String(error),
    });
  }
}

/** `-m 512`, `-m 2G`, `-m size=1G,slots=2`; QEMU's own default is 128 MiB. */
function ramMib(args: readonly string[]): number {
  const at = args.indexOf('-m');
  const match = /^(?:size=)?(\d+)([MG]?)/i.exec(at < 0 ? '128' : (args[at + 1] ?? '128'));
  const size = Number(match?.[1] ?? 128);
  return (match?.[2] ?? '').toUpperCase() === 'G' ? size * 1024 : size;
}

interface QmpLine {
  readonly wall: number;
  readonly dir: string;
  readonly msg: {
    readonly execute?: string;
    readonly arguments?: Readonly<Record<string, unknown>>;
    readonly return?: unknown;
    readonly error?: unknown;
  };
}

/** Null for a line that holds no message: a torn last line, say. */
function qmpLine(line: string): QmpLine | null {
  try {
    const entry = JSON.parse(line) as QmpLine;
    return typeof entry?.msg === 'object' && entry.msg !== null ? entry : null;
  } catch {
    return null;
  }
}

/** Requests that succeeded, each with the time of its answer. */
function plugCommands(text: string): PlugCommand[] {
  const commands: PlugCommand[] = [];
  let open: QmpLine | null = null;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const entry = qmpLine(line);
    if (entry === null) continue;
    const { msg } = entry;
    if (msg.execute !== undefined) open = entry;
    if (entry.dir !== 's2c' || open === null || (msg.return === undefined && msg.error === undefined))
      continue;
    const { execute, arguments: args = {} } = open.msg;
    if (msg.error === undefined && (execute === 'device_add' || execute === 'device_del')) {
      commands.push({
        add: execute === 'device_add',
        args: Object.fromEntries(Object.entries(args).map(([name, value]) => [name, String(value)])),
        fromUs: Math.floor(open.wall * 1e6),
        untilUs: Math.ceil(entry.wall * 1e6),
      });
    }
    open = null;
  }
  return commands;
}
