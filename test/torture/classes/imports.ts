import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { command, judged } from '../command.js';
import { root, type Specimen, specimens, traces } from '../corpus.js';
import { spoilPieces, spoilText } from '../mutate.js';
import { failed, type TortureClass, type Verdict } from '../verdict.js';

const shared = resolve(root, '../shared/data');

/** Small files of the formats that `xpr import` reads; recordings where they are at hand. */
async function corpus(): Promise<Specimen[]> {
  return [
    ...specimens(join(root, 'traces'), ['.dtb'], 1 << 20),
    ...specimens(join(root, 'test/fixtures/dtb'), ['.dtb'], 1 << 20),
    ...specimens(join(root, 'test/fixtures/qemu-log'), ['.log', '.gz'], 100_000),
    ...specimens(join(root, 'test/fixtures/xen-life'), ['.trace', '.jsonl'], 100_000),
    ...specimens(join(shared, 'reports-qemu'), ['.dtb', '.log'], 100_000),
    ...specimens(join(shared, 'hostile'), ['.bin', '.ndjson', '.log'], 100_000),
    ...(await exported()),
  ];
}

/** Our own export of some traces. */
async function exported(): Promise<Specimen[]> {
  const out: Specimen[] = [];
  for (const { name } of traces().slice(0, 6)) {
    const { out: text } = await command(['export', name, '--to', 'ndjson', '-o', '-']);
    out.push({ name: `${name} as NDJSON`, bytes: new TextEncoder().encode(text) });
  }
  return out;
}

/** A file of another program is damaged or made up: it is read, or refused with its place. */
export const imports: TortureClass = {
  name: 'imports',
  doc: 'files of every import format are changed; import must refuse them with a code or make a trace that replays',
  prepare() {
    const files = corpus();
    return async ({ prng, folder }) => {
      const { bytes } = prng.pick(await files);
      const spoilt = prng.below(2) === 0 ? spoilText(bytes, prng) : spoilPieces(bytes, prng);
      const [file, trace] = [join(folder, 'spoilt.bin'), join(folder, 'out.xpr')];
      writeFileSync(file, prng.below(10) === 0 ? gzipSync(spoilt) : spoilt);
      const args = ['import', file, '-o', trace];
      const ran = await command(args);
      const verdict = judged(args, ran);
      return verdict.survived ? afterImport(trace, ran.code) : verdict;
    };
  },
};

/** What an import left: nothing after trouble, else a trace that can be read, judged and replayed. */
export async function afterImport(trace: string, code: number): Promise<Verdict> {
  if (code === 2) {
    return existsSync(trace) ? failed('a refused import left a trace') : { survived: true, how: 'refused' };
  }
  for (const args of [
    ['fsck', trace],
    ['replay', trace, '--json'],
    ['findings', trace],
    ['show', trace],
  ]) {
    const ran = await command(args);
    const verdict = judged(args, ran);
    if (!verdict.survived) return verdict;
    if (ran.code === 2)
      return failed(`xpr ${args[0]} refuses a trace that import made: ${ran.err.slice(0, 200)}`);
    if (args[0] === 'fsck' && ran.code !== 0) return failed('import made a damaged trace');
  }
  return { survived: true, how: 'answered' };
}
