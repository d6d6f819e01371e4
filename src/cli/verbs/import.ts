import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Trouble } from '../../base/errors.js';
import type { TraceEvent } from '../../events/catalogue.js';
import { parseEventLines, parseHeaderLine } from '../../importers/ndjson.js';
import type { Provenance, TraceHeader } from '../../log/header.js';
import { Recorder } from '../../machine/recorder.js';
import { platformFromDtb } from '../../platform/dt-platform.js';
import type { Platform } from '../../platform/platform.js';
import { defaultPolicies } from '../../policy/axes.js';
import { defaultSwitches } from '../../policy/switches.js';
import { envOf } from '../../state/trace-env.js';
import { required } from '../choices.js';
import { printJson, readInput, say, sayNext } from '../io.js';
import { createTarget, inFile, outputFile } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

/** What one file brings. */
interface Imported {
  readonly header: TraceHeader<Platform> | null;
  readonly platform: Platform | null;
  readonly events: () => Iterable<TraceEvent>;
  readonly format: string;
}

interface Format {
  readonly detect: (bytes: Uint8Array) => boolean;
  readonly read: (bytes: Uint8Array) => Imported;
}

const FDT_MAGIC = [0xd0, 0x0d, 0xfe, 0xed];

const formats: Readonly<Record<string, Format>> = {
  dtb: {
    detect: (bytes) => FDT_MAGIC.every((byte, i) => bytes[i] === byte),
    read: (bytes) => ({ header: null, platform: platformFromDtb(bytes), events: () => [], format: 'dtb' }),
  },
  ndjson: {
    detect: (bytes) => bytes[0] === 0x7b,
    read: (bytes) => {
      const lines = new TextDecoder().decode(bytes).split('\n');
      const header = parseHeaderLine(lines[0]!);
      return {
        header,
        platform: header.platform,
        events: () => parseEventLines(lines.slice(1), header.platform),
        format: 'ndjson',
      };
    },
  },
};

export const run: RunVerb = ([given], options) => {
  const files = (Array.isArray(given) ? given : [given]).map((file) => required(file, 'the file'));
  const output = outputFile(required(options['output'], '-o FILE'), options['json'] === true);
  const parts = files.map((file) => {
    const bytes = file === '-' ? readInput() : readFileSync(file);
    try {
      return { file, bytes, imported: formatOf(bytes, options['format']).read(bytes) };
    } catch (error) {
      throw inFile(error, file);
    }
  });
  const platforms = parts.filter(({ imported }) => imported.platform !== null);
  const streams = parts.filter(({ imported }) => imported.header !== null);
  if (platforms.length > 1 || streams.length > 1) {
    throw new Trouble('IMP-002', 'more than one file describes the machine', {
      actual: platforms.map(({ file }) => file).join(', '),
      expected: 'one',
    });
  }
  const header = headerOf(
    parts.map(({ file, bytes, imported }) => provenance(file, bytes, imported)),
    platforms[0]!.imported,
  );
  const recorder = new Recorder(createTarget(output), header, envOf(header));
  let current = output;
  try {
    for (const { file, imported } of parts) {
      current = file;
      for (const event of imported.events()) recorder.append([event]);
    }
  } catch (error) {
    recorder.abandon();
    throw inFile(error, current);
  }
  const { events, bytes, digest } = recorder.finish();
  if (options['json'] === true)
    printJson({ schema: 'import/1', file: output, events, bytes, digest, provenance: header.provenance });
  else say(`${output}: ${events} events, digest ${digest.slice(0, 16)}`);
  sayNext('info', output);
  return 0;
};

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
    creator: 'xpr 0.1.0',
    scenario: null,
    seed: null,
    platform: platform!,
    policies: defaultPolicies,
    switches: defaultSwitches,
    behaviour: [],
    provenance: sources,
  };
}

function provenance(file: string, bytes: Uint8Array, { format }: Imported): Provenance {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { file: basename(file), format, sha256, records: 1, skipped: 0, lost: 0 };
}
