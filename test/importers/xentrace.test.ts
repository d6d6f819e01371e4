import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replay } from '../../replay/run/replayer.js';
import { Trouble } from '../../src/base/errors.js';
import type { EventOf } from '../../src/events/catalogue.js';
import { dtbFormat } from '../../src/importers/dtb/format.js';
import type { Format } from '../../src/importers/importer.js';
import { qemuLogFormat } from '../../src/importers/qemu-log/format.js';
import { xentraceFormat } from '../../src/importers/xentrace/format.js';
import { decodeHypercall } from '../../src/importers/xentrace/hypercall.js';
import { recordedIo } from '../../src/importers/xentrace/io.js';
import { readXentrace, type Xentrace } from '../../src/importers/xentrace/records.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { envOf } from '../../src/state/trace-env.js';
import { importBytes, importSources, sourceOf } from './import-bytes.js';

const bytesOf = (...words: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word >>> 0, true);
  return bytes;
};
const record = (event: number, words: readonly number[], tsc?: number): number[] =>
  tsc === undefined
    ? [(words.length << 28) | event, ...words]
    : [0x8000_0000 | (words.length << 28) | event, tsc >>> 0, Math.floor(tsc / 2 ** 32), ...words];
const window = (cpu: number, ...records: readonly (readonly number[])[]): number[] => {
  const body = records.flat();
  return [0x2001_f003, cpu, 4 * body.length, ...body];
};
const runs = (domid: number, vcpu: number, tsc: number): number[] =>
  record(0x0002_1101, [domid * 65536 + vcpu], tsc);

const IOPORT_WRITE = 0x0008_2216;
const IOPORT_READ = 0x0008_2016;
const IOMEM_WRITE_64 = 0x0008_2317;
/** A guest on CPU 1 reads register 4 of 00:02.0 while domain 0 runs on CPU 0. */
const file = bytesOf(
  ...window(1, runs(3, 0, 100), record(IOPORT_WRITE, [0xcf8, 0x8000_1004])),
  ...window(0, runs(0, 1, 90), record(0x0020_100d, [33], 120)),
  ...window(1, record(0x0008_1001, [], 110), record(IOPORT_READ, [0xcfc, 0x0010_0007])),
);
const trace = (): Xentrace => readXentrace(file);

describe('the reader', () => {
  it('merges the windows of CPUs by time; a record without a stamp keeps to the one before it', () => {
    const order = [...trace().records].map(({ cpu, event, cycles }) => [cpu, event.toString(16), cycles]);
    expect(order).toEqual([
      [0, '21101', 90],
      [1, '21101', 100],
      [1, '82216', 100],
      [1, '81001', 110],
      [1, '82016', 110],
      [0, '20100d', 120],
    ]);
    expect(trace().counts).toMatchObject({ records: 6, windows: 3, tornBytes: 0 });
  });

  it('counts what the ring lost', () => {
    const lost = readXentrace(bytesOf(...window(0, record(0x0001_f001, [7, 0, 50, 0], 60))));
    expect(lost.counts).toMatchObject({ lostEvents: 1, lostRecords: 7 });
  });

  it.each([
    ['XTR-001', [0x1234_5678, 0, 0]],
    ['XTR-002', [0x2001_f003, 0, 5]],
    ['XTR-003', [0x2001_f003, 0, 4, 0x7000_0000]],
  ])('%s names its place', (code, words) => {
    expect(() => readXentrace(bytesOf(...words))).toThrowError(expect.objectContaining({ code }));
  });

  it('takes any beginning of a file, and never more than it holds', () => {
    const whole = bytesOf(
      ...window(0, runs(1, 0, 5), record(IOPORT_READ, [0x60, 1])),
      ...window(1, runs(2, 0, 6)),
    );
    const all = [...readXentrace(whole).records].length;
    for (let length = 0; length <= whole.length; length++) {
      const cut = readXentrace(whole.subarray(0, length));
      const records = [...cut.records].length;
      expect(records).toBeLessThanOrEqual(all);
      expect(cut.counts.tornBytes).toBeLessThanOrEqual(length);
    }
  });

  it('answers garbage with a trouble or with records, in bounded time', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const bytes = new Uint8Array([...bytesOf(0x2001_f003, 0, 64), ...noise]);
        try {
          expect([...readXentrace(bytes).records].length).toBeLessThanOrEqual(64);
        } catch (error) {
          expect(error).toBeInstanceOf(Trouble);
        }
      }),
    );
  });
});

describe('accesses', () => {
  it('belong to the domain the scheduler put on the CPU', () => {
    expect([...recordedIo(trace().records)]).toEqual([
      {
        domid: 3,
        vcpu: 0,
        cycles: 100,
        space: 'port',
        dir: 'write',
        addr: 0xcf8,
        data: 0x8000_1004,
        dataHigh: null,
      },
      {
        domid: 3,
        vcpu: 0,
        cycles: 110,
        space: 'port',
        dir: 'read',
        addr: 0xcfc,
        data: 0x0010_0007,
        dataHigh: null,
      },
    ]);
  });

  it('have 64-bit addresses with and without data', () => {
    const long = readXentrace(
      bytesOf(
        ...window(
          0,
          runs(3, 1, 5),
          record(IOMEM_WRITE_64, [8, 1, 0xaa, 0xbb]),
          record(IOMEM_WRITE_64, [8, 1]),
        ),
      ),
    );
    expect(
      [...recordedIo(long.records)].map(({ addr, data, dataHigh, vcpu }) => [addr, data, dataHigh, vcpu]),
    ).toEqual([
      [2 ** 32 + 8, 0xaa, 0xbb, 1],
      [2 ** 32 + 8, null, null, 1],
    ]);
  });

  it('of an unknown domain are counted, unless the trace has no scheduler at all', () => {
    const skipped = { unattributed: 0 };
    const early = bytesOf(...window(0, record(IOPORT_READ, [0x60, 1]), runs(1, 0, 5)));
    expect([...recordedIo(readXentrace(early).records, skipped)]).toEqual([]);
    expect(skipped.unattributed).toBe(1);
    const only = bytesOf(...window(2, record(IOPORT_READ, [0x60, 1])));
    expect([...recordedIo(readXentrace(only).records)]).toMatchObject([{ domid: 0, vcpu: 2 }]);
  });

  it('are not hypercalls, which have a number and no more', () => {
    const calls = [...trace().records].map(decodeHypercall).filter((call) => call !== null);
    expect(calls).toEqual([{ nr: 33, isSubcall: false }]);
  });
});

describe('the import', () => {
  it('rebuilds configuration cycles and keeps what the guest read', async () => {
    const { events } = await importBytes(xentraceFormat, file);
    const config = events.find((event) => event.kind === 'ioreq.sent' && event.data.type === 'pci_config');
    expect((config as EventOf<'ioreq.sent'>).data).toMatchObject({ domid: 3, sbdf: 0x10, reg: 4, size: 4 });
    const completed = events.filter((event) => event.kind === 'io.completed');
    expect((completed.at(-1) as EventOf<'io.completed'>).data.value).toBe(0x0010_0007);
  });

  it('replays', async () => {
    const { header, events } = await importBytes(xentraceFormat, file);
    const { mismatched, compared } = replay(envOf(header), [events], { keep: 1 });
    expect(mismatched).toBe(0);
    expect(compared).toBeGreaterThan(10);
  });
});

describe('a trace buffer beside other files', () => {
  const beside = (name: string, format: Format, content: Uint8Array | string) =>
    importSources([sourceOf(name, format, content), sourceOf('b.xentrace', xentraceFormat, file)]);

  it('takes the machine from a device tree', async () => {
    const { header, events } = await beside('m.dtb', dtbFormat, twoBridgesDtb());
    expect(header.platform.bridges).toHaveLength(2);
    expect(events.filter(({ kind }) => kind === 'io.requested')).toHaveLength(2);
  });

  it('is numbered together with a QEMU log', async () => {
    const { header, events } = await beside(
      'a.log',
      qemuLogFormat,
      'pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\n',
    );
    expect(header.platform.functions.map(({ name }) => name)).toEqual(['mch']);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i));
    expect(events.every(({ cause, seq }) => cause === null || cause < seq)).toBe(true);
    expect(events.map(({ kind }) => kind)).toContain('config.completed');
    expect(events.map(({ kind }) => kind)).toContain('ioreq.sent');
  });
});

describe('a file of the format', () => {
  const bytes = bytesOf(
    ...window(0, runs(1, 0, 5), record(IOPORT_READ, [0x60, 1]), record(0x0001_f001, [7, 0, 50, 0], 60)),
    0x2001_f003,
  );

  it('is known by its first window', () => {
    expect(xentraceFormat.detect(bytes)).toBe(true);
    expect(xentraceFormat.detect(bytesOf(0x1234_5678))).toBe(false);
    expect(xentraceFormat.detect(new Uint8Array(3))).toBe(false);
  });

  it('says what was read, passed over and lost, the torn end included', async () => {
    const { counts, events } = await importBytes(xentraceFormat, bytes);
    expect(counts).toMatchObject([{ records: 3, skipped: 2, lost: 8, timesBack: 0 }]);
    expect(events.filter(({ kind }) => kind === 'io.completed')).toHaveLength(1);
  });
});
