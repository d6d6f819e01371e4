import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as core from '../../src/api/core.js';
import type { Codec } from '../../src/log/codec.js';
import { MemoryStore } from '../../src/log/stores/memory-store.js';
import { TraceWriter } from '../../src/log/writer.js';
import { type Answers, answersOf } from './answers.js';
import { openBrowser } from './browser.js';
import { bundleCore } from './bundle.js';
import { script } from './script.js';
import { served } from './served.js';

const root = resolve(import.meta.dirname, '../..');
const golden = join(root, 'traces/golden');
const names = readdirSync(golden, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.xpr'))
  .sort();
const storedOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(golden, name)));

/** The events of a trace written anew. */
function written(name: string, codec: Codec): Uint8Array {
  const { reader } = core.openBytes(storedOf(name));
  const store = new MemoryStore();
  const writer = new TraceWriter(store.create(name), reader.header, { codec });
  for (const event of reader.readEvents()) writer.append(event);
  writer.finish(reader.index.sources);
  const source = store.open(name);
  return source.read(0, source.sizeBytes);
}

/** A trace as a page can read it: some of 0.1.0 are packed with Brotli, which pages do not have. */
const bytesOf = (name: string): Uint8Array =>
  name.startsWith('0.1.0') ? written(name, 'deflate') : storedOf(name);

/** What the script leaves behind. */
interface Answered {
  readonly answers: readonly Answers[];
  /** What the policy refused meanwhile. */
  readonly refused: readonly string[];
  readonly troubles: readonly ({ code: string; isTrouble: boolean; message: string } | null)[];
  /** Whether a text could be made into code. */
  readonly makesCode: boolean;
}
declare global {
  var answered: Answered | undefined;
}

/** A trace with another byte in its header. */
function damaged(): Uint8Array {
  const bytes = bytesOf(names.at(-1)!);
  bytes[60]! ^= 1;
  return bytes;
}

describe('the core in a page that may not make code', () => {
  let browser: Browser | null = null;
  let there: Answered;
  let close = (): void => {};

  beforeAll(async () => {
    browser = await openBrowser();
    if (browser === null) return;
    const bundle = await bundleCore(root);
    const answers = await build({
      entryPoints: [join(root, 'test/page/answers.ts')],
      write: false,
      format: 'esm',
    });
    const asked = { traces: names.map((name) => `/${name}`), damaged: ['/damaged.xpr', '/brotli.xpr'] };
    const files = new Map<string, Uint8Array | string>([
      ['/page.html', '<!doctype html><script type="module" src="/script.js"></script>'],
      ['/script.js', script],
      ['/answers.js', answers.outputFiles[0]!.contents],
      ['/names.json', JSON.stringify(asked)],
      ['/damaged.xpr', damaged()],
      ['/brotli.xpr', written(names[0]!, 'brotli')],
      ['/core.js', bundle.outputFiles[0]!.contents],
      ...names.map((name) => [`/${name}`, bytesOf(name)] as const),
    ]);
    const server = await served(files);
    close = server.close;
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => page.on('pageerror', reject));
    await page.goto(`${server.address}/page.html`);
    await Promise.race([page.waitForFunction(() => globalThis.answered, null, { timeout: 0 }), failed]);
    there = (await page.evaluate(() => globalThis.answered))!;
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    close();
  });

  it('gives of every golden trace the digest, events, outcomes, findings and state that Node gives', {
    timeout: 300_000,
  }, ({ skip }) => {
    if (browser === null) return skip();
    for (const [i, name] of names.entries()) {
      const here = answersOf(core, bytesOf(name), bytesOf(names[Math.max(0, i - 1)]!));
      expect([name, there.answers[i]]).toEqual([name, here]);
      expect([name, here.replay[3]]).toEqual([name, 0]);
    }
  });

  it('asks for nothing that the policy refuses, which does refuse', ({ skip }) => {
    if (browser === null) return skip();
    expect(there.refused).toEqual([]);
    expect(there.makesCode).toBe(false);
  });

  it('tells damage by its code as Node does, and of Brotli that a page has none', ({ skip }) => {
    if (browser === null) return skip();
    const [broken, brotli] = there.troubles;
    expect(broken).toMatchObject({ isTrouble: true });
    expect(() => core.openBytes(damaged())).toThrow(broken!.message);
    expect(brotli).toMatchObject({ code: 'LOG-005', isTrouble: true });
    expect(brotli?.message).toContain('Brotli');
  });
});
