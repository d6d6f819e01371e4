import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Packr, Unpackr } from 'msgpackr';
import type { Prng } from '../../../src/base/prng.js';
import { frameType } from '../../../src/log/frame.js';
import { command, judged } from '../command.js';
import { traces } from '../corpus.js';
import { framesOf, traceOf } from '../frames.js';
import { spoilDocument, spoilPieces } from '../mutate.js';
import type { TortureClass } from '../verdict.js';

/** Maps stay maps: snapshots have numbers for keys, and every key may be spoilt. */
const unpackr = new Unpackr({ mapsAsObjects: false, int64AsType: 'number' });
const packr = new Packr({ useRecords: false, mapsAsObjects: false });

/** Every verb that reads a trace, as a user would call it. */
const verbs: readonly ((file: string, folder: string) => string[])[] = [
  (file) => ['fsck', file],
  (file) => ['info', file],
  (file) => ['info', file, '--json'],
  (file) => ['show', file],
  (file) => ['show', file, '--json'],
  (file) => ['state', file, '--at', '40'],
  (file) => ['state', file, '--at', '99999999'],
  (file) => ['explain', file, '18'],
  (file) => ['replay', file, '--json'],
  (file) => ['findings', file],
  (file) => ['diff', file, file],
  (file) => ['what-if', file, '--policy', 'iommu=off'],
  (file) => ['check', file, '--jobs', '1'],
  (file, folder) => ['export', file, '--to', 'ndjson', '-o', join(folder, 'out.ndjson')],
  (file, folder) => ['fsck', file, '--repair', join(folder, 'mended.xpr')],
];

/** The document with one thing in it said otherwise; its bytes where the library cannot read it. */
function meaning(document: Uint8Array, prng: Prng): Uint8Array {
  let read: unknown;
  try {
    read = unpackr.unpack(document);
  } catch {
    return spoilPieces(document, prng);
  }
  return packr.pack(spoilDocument(read, prng));
}

const kinds: Readonly<Record<string, number>> = {
  headers: frameType.header,
  blocks: frameType.block,
  snapshots: frameType.snapshot,
  indexes: frameType.index,
};

/** Documents inside of a trace say other things, under right checksums: only their meaning can give them away. */
const documentClass = (name: string): TortureClass => ({
  name,
  doc: `a document among the ${name} of a trace is changed and all checksums made right; every verb must answer or refuse`,
  prepare() {
    const corpus = traces()
      .map(({ bytes }) => framesOf(bytes))
      .filter((frames) => frames.some(({ type }) => type === kinds[name]));
    return async ({ prng, folder }) => {
      const frames = [...prng.pick(corpus)];
      const chosen = prng.pick(frames.flatMap(({ type }, i) => (type === kinds[name] ? [i] : [])));
      const { type, document } = frames[chosen]!;
      const spoilt = prng.below(5) === 0 ? spoilPieces(document, prng) : meaning(document, prng);
      frames[chosen] = { type, document: spoilt };
      const file = join(folder, 'spoilt.xpr');
      writeFileSync(file, traceOf(frames));
      const args = prng.pick(verbs)(file, folder);
      return judged(args, await command(args));
    };
  },
});

export const documents: readonly TortureClass[] = Object.keys(kinds).map(documentClass);
