import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../src/base/brand.js';
import { Trouble } from '../../src/base/errors.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { dtbFormat } from '../../src/importers/dtb/format.js';
import type { Source } from '../../src/importers/feed.js';
import type { Format, Out } from '../../src/importers/importer.js';
import { lines } from '../../src/importers/lines.js';
import { type Merged, merge } from '../../src/importers/merge.js';
import { type CallerSbdf, parseSbdf } from '../../src/pci/sbdf.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';

/** A format of these tests: `US NAME`, `fact OF RELEASE`, `after NAME` for what follows from the line before. */
function toy(clock: 'wall' | 'own' | 'none'): Format {
  return {
    name: 'toy',
    doc: 'a toy',
    detect: () => false,
    open(out: Out) {
      let zeroUs: number | null = null;
      let last: ReturnType<Out['event']> | null = null;
      const say = (name: string, us: number | null, cause: typeof last) =>
        out.event({
          kind: 'config.requested',
          by: name,
          origin: 'observed',
          cause,
          ...(us === null ? {} : { atNs: (us - zeroUs!) * 1_000 }),
          data: {
            domid: 1 as DomainId,
            via: 'cf8',
            dir: 'read',
            sbdf: parseSbdf<CallerSbdf>('00:00.0')!,
            reg: 0,
            size: 4,
            value: null,
          },
        });
      return lines(
        {
          line(text) {
            out.counts.records += 1;
            const [word, name = ''] = text.split(' ');
            if (word === 'fact') {
              out.fact({ is: 'release', of: 'xen', release: name });
              return;
            }
            if (word === 'after') {
              last = say(name, null, last);
              return;
            }
            const us = Number(word);
            if (zeroUs === null && clock !== 'none') {
              out.clock(clock === 'wall' ? { is: 'wall', zeroUs: us } : { is: 'own' });
              zeroUs = us;
            }
            last = say(name, clock === 'none' ? null : us, null);
          },
          end() {},
        },
        100,
      );
    },
  };
}

const source = (file: string, format: Format, bytes: Uint8Array | string, piece = 7): Source => ({
  file,
  format,
  async *chunks() {
    const all = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    for (let at = 0; at < all.length; at += piece) yield all.slice(at, at + piece);
  },
});

async function read(merged: Merged): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  for await (const batch of merged.events()) events.push(...batch);
  return events;
}

const who = (events: readonly TraceEvent[]): string =>
  events.map(({ by, atNs }) => `${by}@${atNs / 1_000}`).join(' ');

describe('files put together', () => {
  it('are taken in the order of time and numbered once', async () => {
    const merged = await merge([
      source('a', toy('wall'), '1000 a1\n1010 a2\nafter a3\n1030 a4\n'),
      source('b', toy('wall'), '1005 b1\n1020 b2\n'),
    ]);
    const events = await read(merged);
    expect(who(events)).toBe('a1@0 b1@5 a2@10 a3@10 b2@20 a4@30');
    expect(events.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(events[3]!.cause).toBe(2);
  });

  it('with clocks of different kinds begin together; a file without times comes first', async () => {
    const merged = await merge([
      source('a', toy('wall'), '5000 a1\n5010 a2\n'),
      source('b', toy('own'), '3 b1\n8 b2\n'),
      source('c', toy('none'), '0 c1\n0 c2\n'),
    ]);
    expect(who(await read(merged))).toBe('a1@0 b1@0 c1@0 c2@0 b2@5 a2@10');
  });

  it('count times that go back and keep the order of the file', async () => {
    const merged = await merge([source('a', toy('wall'), '1000 a1\n1010 a2\n1004 a3\n1020 a4\n')]);
    expect(who(await read(merged))).toBe('a1@0 a2@10 a3@10 a4@20');
    expect(merged.counts()).toEqual([
      { file: 'a', format: 'toy', records: 4, skipped: 0, lost: 0, timesBack: 1 },
    ]);
  });

  it('bring their facts into one header, or into events when they come late', async () => {
    const merged = await merge([
      source('m.dtb', dtbFormat, twoBridgesDtb(), 100),
      source('a', toy('wall'), 'fact 4.17.7\n1 a1\n'),
    ]);
    expect(merged.header.platform.bridges).toHaveLength(2);
    expect(merged.header.switches['xen']).toBe('4.17.7');
    expect((await read(merged)).map(({ kind }) => kind)).toEqual(['machine.told', 'config.requested']);
    const late = await merge([source('a', toy('wall'), '1 a1\n2 a2\nfact 4.18\n3 a3\n')], 1);
    expect(late.header.switches['xen']).toBe('4.23');
    expect((await read(late)).map(({ kind }) => kind).join(' ')).toBe(
      'config.requested config.requested machine.told config.requested',
    );
  });

  it('are refused with both names when they contradict each other', async () => {
    const told = merge([
      source('a.log', toy('own'), 'fact 4.17\n1 a\n'),
      source('b.log', toy('own'), 'fact 4.18\n1 b\n'),
    ]);
    const error = await told.then(
      () => null,
      (one: unknown) => one,
    );
    expect(error).toBeInstanceOf(Trouble);
    expect((error as Trouble).toDocument()).toMatchObject({
      code: 'IMP-002',
      expected: '4.17 (a.log)',
      actual: '4.18 (b.log)',
    });
    await expect(
      merge([
        source('a.dtb', dtbFormat, twoBridgesDtb(), 1_000),
        source('b.dtb', dtbFormat, twoBridgesDtb(), 1_000),
      ]),
    ).rejects.toMatchObject({ code: 'IMP-002' });
  });

  it('too far apart are an error that names the file', async () => {
    const merged = await merge([
      source('a', toy('wall'), '1000 a1\n'),
      source('b', toy('wall'), `${1000 + 2 ** 50} b1\n`),
    ]);
    await expect(read(merged)).rejects.toMatchObject({ code: 'IMP-006' });
  });
});

describe('lines', () => {
  const cut = (text: string, piece: number, most = 100): string[] => {
    const got: string[] = [];
    const importer = lines(
      {
        line: (one, number) => got.push(`${number}:${one}`),
        end: (rest, number) => got.push(`${number}!${rest}`),
      },
      most,
    );
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += piece) importer.push(bytes.subarray(at, at + piece));
    importer.end();
    return got;
  };

  it('are the same however the bytes are cut', () => {
    const text = 'one\r\n\ntwo ü\nrest';
    for (const piece of [1, 2, 3, 100])
      expect(cut(text, piece)).toEqual(['1:one', '2:', '3:two ü', '4!rest']);
  });

  it('that are too long are an error with their number', () => {
    for (const piece of [1, 1_000]) {
      expect(() => cut(`a\n${'b'.repeat(101)}`, piece)).toThrowError(
        expect.objectContaining({ code: 'IMP-004' }),
      );
      expect(() => cut(`a\n${'b'.repeat(101)}\n`, piece)).toThrowError(/too long/);
    }
  });
});
