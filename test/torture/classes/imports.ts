import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Prng } from '../../../src/base/prng.js';
import { readInput } from '../corpus.js';
import { flipped, joined, type Mutant, mangled } from '../mutate/bytes.js';
import { misspelt } from '../mutate/text.js';
import type { TortureClass, Trial } from '../torture-class.js';
import { commandFault, fsckOf } from '../verdict.js';
import type { Workshop } from '../workshop.js';

/** A format, and an input of it as it should be. */
interface Importable {
  readonly name: string;
  readonly isText: boolean;
  readonly of: (prng: Prng, workshop: Workshop) => Uint8Array | Promise<Uint8Array>;
}

const formats: readonly Importable[] = [
  {
    name: 'dtb',
    isText: false,
    of: (prng, { corpus }) => readInput(prng.pick(corpus.inputs('dtb'))),
  },
  {
    name: 'qemu-log',
    isText: true,
    of: (prng, { corpus }) => readInput(prng.pick(corpus.inputs('qemu-log'))),
  },
  {
    name: 'xen-tap',
    isText: true,
    of: (prng, { corpus }) => readInput(prng.pick(corpus.inputs('xen-tap'))),
  },
  {
    name: 'xenstored',
    isText: true,
    of: (prng, { corpus }) => readInput(prng.pick(corpus.inputs('xenstored'))),
  },
  { name: 'ndjson', isText: true, of: exported },
];

const xentrace: Importable = {
  name: 'xentrace',
  isText: false,
  of: (prng, { corpus }) => {
    const files = corpus.inputs('xentrace');
    return files.length === 0 ? madeXentrace(prng) : readInput(prng.pick(files), 24 << 10);
  },
};

/** One class for each format, so that a campaign says which of them stands. */
export const imports: readonly TortureClass[] = [...formats, xentrace].map((format) => ({
  name: `import-${format.name}`,
  doc: `${format.name} inputs, broken in bytes, lines and numbers, packed and not`,
  share: 0.5,
  prepare: (prng, workshop) => prepared(prng, workshop, format),
}));

async function prepared(prng: Prng, workshop: Workshop, format: Importable): Promise<Trial> {
  const right = await format.of(prng, workshop);
  const { value, about } = broken(prng, right, format.isText);
  const packed = prng.below(4) === 0 ? pack(prng, value) : { value, about: '' };
  const named = prng.below(2) === 0 ? ['--format', format.name] : [];
  return {
    about: [about, packed.about].filter(Boolean).join('; '),
    inputs: { input: packed.value },
    run: () => importFault(workshop, packed.value, named),
  };
}

function broken(prng: Prng, right: Uint8Array, isText: boolean): Mutant<Uint8Array> {
  if (!isText || prng.below(5) === 0) return mangled(prng, right);
  const { value, about } = misspelt(prng, Buffer.from(right).toString('utf8'));
  return { value: new Uint8Array(Buffer.from(value)), about };
}

/** As gzip, broken too half of the time, or with a tail that unpacks to very much. */
function pack(prng: Prng, bytes: Uint8Array): Mutant<Uint8Array> {
  const whole = new Uint8Array(gzipSync(bytes));
  switch (prng.below(6)) {
    case 0:
      return { value: flipped(prng, whole).value, about: 'gzip, flipped' };
    case 1:
      return { value: mangled(prng, whole).value, about: 'gzip, broken' };
    case 2: {
      const fill = prng.pick([0x00, 0x0a, 0x20, 0x30, 0x7b]);
      // Members one behind the other, so that the harness never holds what they unpack to.
      const tail = gzipSync(Buffer.alloc(1 << 20, fill));
      return {
        value: joined(whole, ...Array.from({ length: 1 << prng.below(10) }, () => tail)),
        about: `gzip, and very many of 0x${fill.toString(16)}`,
      };
    }
    default:
      return { value: whole, about: 'gzip' };
  }
}

/** An import that is refused leaves nothing behind; one that is taken gives a whole trace that every verb can read. */
async function importFault(
  workshop: Workshop,
  input: Uint8Array,
  named: readonly string[],
): Promise<string | null> {
  const file = workshop.put('input', input);
  const out = workshop.path('out.xpr');
  const ran = await workshop.xpr(['import', file, '-o', out, ...named]);
  const fault = commandFault(ran);
  if (fault !== null) return fault;
  const written = workshop.files();
  if (Buffer.compare(written.get('input') ?? Buffer.alloc(0), input) !== 0) return 'the input was changed';
  const trace = written.get('out.xpr');
  if (ran.code !== 0)
    return written.size === 1 ? null : `refused, and left behind: ${[...written.keys()].join(' ')}`;
  if (trace === undefined || written.size !== 2)
    return `taken, and there is: ${[...written.keys()].join(' ')}`;
  const report = fsckOf(trace);
  if (report === null || report instanceof Error || report.damaged.length > 0)
    return 'what was written is no whole trace';
  for (const verb of ['replay', 'findings', 'state'] as const) {
    const asked = commandFault(await workshop.xpr([verb, out]));
    if (asked !== null) return asked;
  }
  return null;
}

/** A trace as our own export has it. */
async function exported(prng: Prng, workshop: Workshop): Promise<Uint8Array> {
  const out = workshop.path('right.ndjson');
  const file = prng.pick(workshop.corpus.traces());
  const ran = await workshop.xpr(['export', file, '--to', 'ndjson', '-o', out]);
  if (ran.code !== 0) throw new Error(`${file} cannot be exported: ${ran.err}`);
  const bytes = new Uint8Array(readFileSync(out));
  workshop.clear();
  return bytes;
}

/** Records as a trace buffer of Xen has them: a CPU's window, then cycles and extra words by the header's bits. */
function madeXentrace(prng: Prng): Uint8Array {
  const words: number[] = [];
  for (let window = 0; window < 4; window++) {
    const records: number[] = [];
    for (let left = prng.below(60); left > 0; left--) {
      const extra = prng.below(8);
      const event = prng.pick([0x82, 0x81, 0x1f, 0x10f]) * 0x1000 + prng.below(0x20);
      const timed = prng.below(2);
      records.push(((timed << 31) | (extra << 28) | event) >>> 0);
      if (timed === 1) records.push(prng.u32(), prng.below(8));
      for (let i = 0; i < extra; i++) records.push(prng.below(2) === 0 ? prng.u32() : prng.below(0x10000));
    }
    words.push(0x2001f003, window % 2, records.length * 4, ...records);
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}
