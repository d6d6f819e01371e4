import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { replay } from '../../replay/run/replayer.js';
import { Trouble } from '../../src/base/errors.js';
import { Prng } from '../../src/base/prng.js';
import { ndjsonLines } from '../../src/exporters/ndjson.js';
import { parseHeaderLine } from '../../src/importers/ndjson/read.js';
import { encodeFrame, encodePreamble, frameType } from '../../src/log/frame.js';
import { packDocument } from '../../src/log/msgpack.js';
import { readHeader, type TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import { platformMisfit } from '../../src/platform/check-platform.js';
import type { Platform } from '../../src/platform/platform.js';
import { openTrace } from '../../src/state/open-trace.js';
import { envOf } from '../../src/state/trace-env.js';
import { mutated } from './mutated.js';

const MUTATIONS = 1_000;
const golden = resolve(import.meta.dirname, '../../traces/golden');
const names = [
  '0.1.0/two-bridges-swapped',
  '0.2.0/sata-controller-sends-as-function-1',
  '0.2.0/pcifront-msix-memory-decode-off',
];
const traces = names
  .map((name) => join(golden, `${name}.xpr`))
  .map((file) => new Uint8Array(readFileSync(file)));
const opened = traces.map((bytes) => openTrace(bytesSource(bytes)));

/** What a door says of a mutated header: the code of a trouble, or the platform that it lets in. */
function through(door: () => Platform): string | Platform {
  try {
    return door();
  } catch (error) {
    // Anything else is a crash.
    if (error instanceof Trouble) return error.code;
    throw error;
  }
}

/** The trace with another header and its own blocks. */
function withHeader(bytes: Uint8Array, header: unknown): Uint8Array {
  const { end } = readHeader(bytesSource(bytes));
  const frame = encodeFrame(
    { type: frameType.header, ordinal: 0, document: packDocument(header) },
    'deflate',
  );
  return Uint8Array.from([...encodePreamble(), ...frame, ...bytes.subarray(end)]);
}

const tally = (codes: Map<string, number>, code: string): void => {
  codes.set(code, (codes.get(code) ?? 0) + 1);
};

it(`of ${MUTATIONS} mutated platforms none crashes, and each is a coded error or a platform`, {
  timeout: 300_000,
}, () => {
  const codes = new Map<string, number>();
  let [sameMachine, otherMachine] = [0, 0];
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const i = seed % traces.length;
    const { reader, env } = opened[i]!;
    const platform = mutated(reader.header.platform, new Prng(seed));
    const header = { ...reader.header, platform };

    // In its file: the blocks follow from the header they were written under, so another one is told at once.
    const inFile = through(() => openTrace(bytesSource(withHeader(traces[i]!, header))).env.platform);
    if (typeof inFile !== 'string') expect([seed, inFile]).toEqual([seed, env.platform]);

    // Written anew, as an import does.
    const anew = through(() => envOf(header as typeof reader.header).platform);
    const line = ndjsonLines(header as typeof reader.header, env.platform, []).next().value as string;
    const imported = through(() => parseHeaderLine(line).header.platform);
    if (typeof anew === 'string') {
      tally(codes, anew);
      continue;
    }
    expect([seed, platformMisfit(anew)]).toEqual([seed, null]);
    expect([seed, imported]).toEqual([seed, anew]);
    const isSame = isDeepStrictEqual(known(anew), known(env.platform));
    if (isSame) sameMachine += 1;
    else otherMachine += 1;
    const mismatched = mismatches({ ...env, platform: anew }, reader);
    if (isSame) expect([seed, mismatched]).toEqual([seed, 0]);
  }
  expect([...codes.keys()]).toEqual(['LOG-016']);
  // The mutations are of all sorts.
  expect(codes.get('LOG-016')).toBeGreaterThan(MUTATIONS / 4);
  expect(sameMachine).toBeGreaterThan(10);
  expect(otherMachine).toBeGreaterThan(10);
});

/** Mismatched outcomes; a model may give way to another machine, with a code. */
function mismatches(env: ReturnType<typeof envOf>, reader: TraceReader): number | string {
  try {
    return replay(env, reader.batches(), { keep: 1 }).mismatched;
  } catch (error) {
    if (error instanceof Trouble) return error.code;
    throw error;
  }
}

/** Without entries that nobody knows. */
function known(platform: Platform): unknown {
  return JSON.parse(
    JSON.stringify(platform, (name, value: unknown) =>
      name === 'unheard' ? undefined : value instanceof Uint8Array ? [...value] : value,
    ),
  );
}
