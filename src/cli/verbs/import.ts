import { basename } from 'node:path';
import { Trouble } from '../../base/errors.js';
import { creator } from '../../base/release.js';
import type { TraceEvent } from '../../events/catalogue.js';
import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import { parseEventLine, parseHeaderLine } from '../../importers/ndjson/read.js';
import { isQemuLog, qemuLogEvents, surveyQemuLog } from '../../importers/qemu-log/read.js';
import { importXentrace, isXentrace } from '../../importers/xentrace/format.js';
import type { Provenance, TraceHeader } from '../../log/header.js';
import { Recorder } from '../../machine/recorder.js';
import type { Platform } from '../../platform/platform.js';
import { defaultPolicies } from '../../policy/axes.js';
import { currentBehaviour } from '../../policy/behaviours.js';
import { defaultSwitches } from '../../policy/switches.js';
import { envOf } from '../../state/trace-env.js';
import { required } from '../choices.js';
import { type ImportSource, importSource } from '../import-source.js';
import { printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { inFile } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

/** What one file brings. */
interface Imported {
  readonly header: TraceHeader<Platform> | null;
  readonly platform: Platform | null;
  readonly events: () => Iterable<readonly TraceEvent[]> | AsyncIterable<readonly TraceEvent[]>;
  readonly format: string;
  /** Records read, passed over and missing. */
  readonly counts: Pick<Provenance, 'records' | 'skipped' | 'lost'>;
}

interface Format {
  /** Looks at the first bytes. */
  readonly detect: (head: Uint8Array) => boolean;
  readonly read: (source: ImportSource) => Imported | Promise<Imported>;
}

const FDT_MAGIC = [0xd0, 0x0d, 0xfe, 0xed];
const whole = { records: 1, skipped: 0, lost: 0 };

const formats: Readonly<Record<string, Format>> = {
  dtb: {
    detect: (head) => FDT_MAGIC.every((byte, i) => head[i] === byte),
    read: (source) => ({
      header: null,
      platform: platformFromDtb(source.bytes()),
      events: () => [],
      format: 'dtb',
      counts: whole,
    }),
  },
  ndjson: {
    detect: (head) => head[0] === 0x7b,
    read: (source) => {
      const lines = new TextDecoder().decode(source.bytes()).split('\n');
      const header = parseHeaderLine(lines[0]!);
      return {
        header,
        platform: header.platform,
        events: () => batches(eventsOf(lines, header.platform)),
        format: 'ndjson',
        counts: whole,
      };
    },
  },
  'qemu-log': {
    detect: isQemuLog,
    read: async (source) => {
      const { platform, records, skipped, lost, ...rest } = await surveyQemuLog(source.chunks());
      return {
        header: null,
        platform,
        events: () => qemuLogEvents({ platform, ...rest }, source.chunks()),
        format: 'qemu-log',
        counts: { records, skipped, lost },
      };
    },
  },
  xentrace: {
    detect: isXentrace,
    read: (source) => {
      const { platform, events, ...counts } = importXentrace(source.bytes());
      return { header: null, platform, events, format: 'xentrace', counts };
    },
  },
};

function* eventsOf(lines: readonly string[], platform: Platform): Generator<TraceEvent> {
  let seq = 0;
  for (const [index, text] of lines.entries())
    if (index > 0 && text !== '') yield parseEventLine(text, index + 1, seq++, platform);
}

function* batches(events: Iterable<TraceEvent>): Generator<readonly TraceEvent[]> {
  for (const event of events) yield [event];
}

interface Part {
  readonly source: ImportSource;
  readonly imported: Imported;
}

export const run: RunVerb = async ([given], options) => {
  const files = (Array.isArray(given) ? given : [given]).map((file) => required(file, 'the file'));
  const output = chooseOutput(required(options['output'], '-o FILE'), outputKinds.trace, {
    inputs: files,
    options,
  });
  const parts: Part[] = [];
  for (const file of files) parts.push(await readPart(file, options['format']));
  const platforms = parts.filter(({ imported }) => imported.platform !== null);
  const streams = parts.filter(({ imported }) => imported.header !== null);
  if (platforms.length > 1 || streams.length > 1) {
    throw new Trouble('IMP-002', 'more than one file describes the machine', {
      actual: platforms.map(({ source }) => source.file).join(', '),
      expected: 'one',
    });
  }
  const sources: Provenance[] = [];
  for (const part of parts) sources.push(await provenance(part));
  const header = headerOf(sources, platforms[0]!.imported);
  const { events, bytes, digest } = await output.write(async (target) => {
    const recorder = new Recorder(target, header, envOf(header));
    for (const part of parts) await append(part, recorder);
    return recorder.finish();
  });
  if (options['json'] === true)
    printJson({
      schema: 'import/1',
      file: output.name,
      events,
      bytes,
      digest,
      provenance: header.provenance,
    });
  else say(`${output.name}: ${events} events, digest ${digest.slice(0, 16)}${passedOver(sources)}`);
  sayNext('info', { file: output.name });
  return 0 as const;
};

/** Batches between two turns of the event loop, in which Ctrl-C is heard. */
const TURN = 1_000;

async function append({ source, imported }: Part, recorder: Recorder): Promise<void> {
  let batch = 0;
  try {
    for await (const events of imported.events()) {
      recorder.append(events);
      if (++batch % TURN === 0) await new Promise((turn) => setImmediate(turn));
    }
  } catch (error) {
    throw inFile(error, source.file);
  }
}

async function readPart(file: string, format: unknown): Promise<Part> {
  try {
    const source = importSource(file);
    return { source, imported: await formatOf(source.head, format).read(source) };
  } catch (error) {
    throw inFile(error, file);
  }
}

/** What did not become events; empty when everything did. */
function passedOver(sources: readonly Provenance[]): string {
  const skipped = sources.reduce((sum, source) => sum + source.skipped, 0);
  const lost = sources.reduce((sum, source) => sum + source.lost, 0);
  return `${skipped === 0 ? '' : `; ${skipped} records not about PCI`}${lost === 0 ? '' : `; ${lost} torn`}`;
}

/** The format named, or the one whose marks the file bears. @throws {Trouble} IMP-001 */
function formatOf(bytes: Uint8Array, named: unknown): Format {
  const found =
    typeof named === 'string'
      ? Object.hasOwn(formats, named)
        ? formats[named]
        : undefined
      : Object.values(formats).find(({ detect }) => detect(bytes));
  if (found !== undefined) return found;
  throw new Trouble(
    'IMP-001',
    typeof named === 'string' ? `no import format ${named}` : 'the format is not known',
    {
      expected: Object.keys(formats).join(', '),
      hint: 'name it with --format',
    },
  );
}

/** Our own export keeps its header to the byte, so that import and export are a round trip. */
function headerOf(sources: readonly Provenance[], { header, platform }: Imported): TraceHeader<Platform> {
  if (header !== null) return header;
  return {
    creator,
    scenario: null,
    seed: null,
    platform: platform!,
    policies: defaultPolicies,
    switches: defaultSwitches,
    behaviour: currentBehaviour,
    provenance: sources,
  };
}

async function provenance({ source, imported }: Part): Promise<Provenance> {
  const { format, counts } = imported;
  return { file: basename(source.file), format, sha256: await source.sha256(), ...counts };
}
