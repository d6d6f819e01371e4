import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import { headBytes } from './registry.js';

/** A file on its way in: unpacked as it comes, looked at before it is read. */
export interface NodeSource {
  /** As the user gave it. */
  readonly file: string;
  /** The first `headBytes` bytes of the content, or all of it. */
  readonly head: Uint8Array;
  /** The content in pieces, once; the head is among them. Memory does not grow with the file. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Nobody wants the rest: files and programs are let go. */
  close(): Promise<void>;
  /** SHA-256 of the file as it is, packed or not; known when all of it was read. */
  sha256(): string;
}

type Packing = 'gzip' | 'xz' | 'zstd' | 'dts';

const magics: readonly (readonly [Packing, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/** The source of a device tree: comments, then its mark. The compiler makes of it what machines read. */
const DTS = /^(?:\s|\/\/[^\n]*\n|\/\*[^*]*(?:\*(?!\/)[^*]*)*\*\/)*\/dts-v1\/;/;
const DTS_BYTES = 16 << 10;

/** Programs that unpack, and how they are called. */
const programs = {
  xz: ['xz', ['-dc'], 'unpack the file first: xz -d'],
  zstd: ['zstd', ['-dc'], 'unpack the file first: zstd -d'],
  dts: ['dtc', ['-q', '-I', 'dts', '-O', 'dtb'], 'compile the tree first: dtc -O dtb -o board.dtb board.dts'],
} as const;

const PIECE_BYTES = 256 << 10;

/**
 * Opens a file, or what is read once from a pipe.
 * @param piped Its bytes where it is no file that can be opened by name.
 * @param wanted Bytes of the head; 0 when nobody looks at it, so that nothing is waited for.
 * @throws {Trouble} IMP-003 damaged packing, IMP-007 the program that unpacks it is missing, IMP-009 it unpacks to far
 *   too much; system errors of opening
 */
export async function nodeSource(
  file: string,
  piped: AsyncIterable<Uint8Array> | null,
  wanted: number = headBytes,
): Promise<NodeSource> {
  const hash = createHash('sha256');
  const raw = new Ahead(hashed(piped ?? onDisk(file), hash));
  await raw.atLeast(6);
  const packing = packingOf(raw.bytes());
  let content = new Ahead(packing === null ? raw.chunks() : sane(file, packing, raw.chunks()));
  await content.atLeast(Math.min(wanted, DTS_BYTES));
  if (wanted > 0 && DTS.test(new TextDecoder('latin1').decode(content.bytes().subarray(0, DTS_BYTES))))
    content = new Ahead(unpacked(file, 'dts', content.chunks()));
  await content.atLeast(wanted);
  let known: string | null = null;
  return {
    file,
    head: content.bytes().subarray(0, wanted),
    chunks: () => content.chunks(),
    close: async () => {
      await content.close();
      await raw.close();
    },
    sha256: () => {
      known ??= hash.digest('hex');
      return known;
    },
  };
}

function packingOf(head: Uint8Array): Packing | null {
  const found = magics.find(([, magic]) => magic.every((byte, i) => head[i] === byte));
  return found?.[0] ?? null;
}

/** Opened at once, so that a file that cannot be is told like by every other command. */
const onDisk = (file: string): AsyncIterable<Uint8Array> =>
  createReadStream(file, { fd: openSync(file, 'r'), highWaterMark: PIECE_BYTES });

async function* hashed(
  pieces: AsyncIterable<Uint8Array>,
  hash: { update(piece: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

/** A stream whose beginning can be looked at. */
class Ahead {
  readonly #rest: AsyncGenerator<Uint8Array>;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(rest: AsyncGenerator<Uint8Array>) {
    this.#rest = rest;
  }

  async atLeast(size: number): Promise<void> {
    while (this.#size < size) {
      const next = await this.#rest.next();
      if (next.done === true) return;
      this.#pieces.push(next.value);
      this.#size += next.value.length;
    }
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }

  async close(): Promise<void> {
    await this.#rest.return(undefined);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (const piece of this.#pieces.splice(0)) yield piece;
    yield* this.#rest;
  }
}

/**
 * What a packed file holds, as long as it is in proportion: a few kilobytes that unpack to gigabytes are no log.
 * @throws {Trouble} IMP-009
 */
async function* sane(
  file: string,
  packing: Packing,
  raw: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const size = { packed: 0, unpacked: 0 };
  const counted = (async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of raw) {
      size.packed += piece.length;
      yield piece;
    }
  })();
  for await (const piece of unpacked(file, packing, counted)) {
    size.unpacked += piece.length;
    if (size.unpacked > limits.unpackedBytes && size.unpacked > size.packed * limits.unpackedRatio) {
      throw new Trouble('IMP-009', `the ${packing} file unpacks to far more than logs do`, {
        file,
        expected: `at most ${limits.unpackedRatio} times its size, or ${limits.unpackedBytes} bytes`,
        actual: `${size.unpacked} bytes out of ${size.packed}`,
        hint: `if that is right, unpack it first: ${packing} -dc FILE | xpr import - -o OUT.xpr`,
      });
    }
    yield piece;
  }
}

async function* unpacked(
  file: string,
  packing: Packing,
  raw: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (packing !== 'gzip') {
    yield* byProgram(file, packing, raw);
    return;
  }
  const packed = Readable.from(raw);
  const stream = createGunzip({ chunkSize: PIECE_BYTES / 2 });
  packed.on('error', (error) => stream.destroy(error));
  try {
    yield* packed.pipe(stream);
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    if (code === undefined || !code.startsWith('Z_')) throw error;
    throw damaged(file, packing, error instanceof Error ? error.message : '');
  } finally {
    packed.destroy();
  }
}

/** `xz` and `zstd` are no part of every Node; the programs are part of nearly every system that has such files. */
async function* byProgram(
  file: string,
  packing: 'xz' | 'zstd' | 'dts',
  raw: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const [program, args, otherwise] = programs[packing];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | NodeJS.ErrnoException>((resolve) => {
    child.on('error', resolve);
    child.on('close', (code) => resolve(code ?? -1));
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 400);
  });
  const packed = Readable.from(raw);
  let failed: unknown = null;
  packed.on('error', (error) => {
    failed = error;
    child.stdin.end();
  });
  // It may end before it has read everything; its exit code says why.
  child.stdin.on('error', () => packed.destroy());
  packed.pipe(child.stdin);
  try {
    yield* child.stdout;
    const how = await ended;
    if (failed !== null) throw failed;
    if (how instanceof Error) {
      if (how.code !== 'ENOENT') throw how;
      throw new Trouble('IMP-007', `${program} is not installed`, {
        file,
        expected: `the program ${program}, to ${packing === 'dts' ? 'compile the device tree' : 'unpack the file'}`,
        hint: `install it, or ${otherwise}`,
      });
    }
    if (how !== 0) throw damaged(file, packing, said.trim());
  } finally {
    packed.destroy();
    child.kill();
  }
}

const damaged = (file: string, packing: Packing, actual: string): Trouble =>
  packing === 'dts'
    ? new Trouble('IMP-003', 'the device tree cannot be compiled', {
        file,
        actual,
        hint: 'dtc -I dts says where; files it includes have to be put in by the preprocessor first',
      })
    : new Trouble('IMP-003', `the ${packing} file is damaged or cut off`, {
        file,
        actual,
        hint: `${packing} -t says where`,
      });
