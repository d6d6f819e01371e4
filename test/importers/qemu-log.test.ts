import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Trouble } from '../../src/base/errors.js';
import { QemuLogParser } from '../../src/importers/qemu-log/parser.js';
import type { QemuRecord } from '../../src/importers/qemu-log/record.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function records(text: string): QemuRecord[] {
  const found: QemuRecord[] = [];
  const parser = new QemuLogParser((record) => found.push({ ...record }));
  parser.push(bytes(text));
  parser.finish();
  return found;
}

const one = (line: string): QemuRecord | undefined => records(`${line}\n`)[0];

function troubleOf(run: () => unknown): Trouble {
  try {
    run();
  } catch (error) {
    if (error instanceof Trouble) return error;
    throw error;
  }
  throw new Error('no trouble');
}

describe('lines of QEMU logs', () => {
  it.each([
    [
      '8283@1795171292.029279:pci_cfg_read mch 00:00.0 @0x0 -> 0x8086',
      { kind: 'config-read', name: 'mch', bus: 0, devfn: 0, address: 0, value: 0x8086 },
    ],
    [
      'pci_cfg_write pcie-root-port 1f:1e.7 @0xffc <- 0xffffffff',
      { kind: 'config-write', bus: 0x1f, devfn: 0xf7, address: 0xffc, value: 0xffff_ffff, atUs: -1 },
    ],
    ['pci_cfg_read a name: 01:02.3 01:02.3 @0x4 -> 0x1', { name: 'a name: 01:02.3', bus: 1, devfn: 0x13 }],
    [
      'pci_cfg_read i440FX 17:0 @0x8 -> 0x2',
      { name: 'i440FX', bus: -1, devfn: 17 * 8, address: 8, value: 2 },
    ],
    [
      "7@1.000002:memory_region_ops_write cpu 3 mr 0x55b0 addr 0xb0010130 value 0x12 size 2 name 'pcie-mmcfg-mmio'",
      {
        kind: 'region-write',
        thread: 7,
        atUs: 1_000_002,
        cpu: 3,
        address: 0xb001_0130,
        value: 0x12,
        sizeBytes: 2,
        name: 'pcie-mmcfg-mmio',
      },
    ],
    [
      "memory_region_ops_read cpu -1 mr (nil) addr 0x4010000004 value 0x123456789abcdef0 size 8 name 'a b'",
      { cpu: -1, address: 0x40_1000_0004, value: 0x9abc_def0, valueHigh: 0x1234_5678, name: 'a b' },
    ],
    ['memory_region_ops_read cpu 0 mr 0x1 addr 0xc08 value 0x0 size 1', { name: '', address: 0xc08 }],
    ['memory_region_ops_read cpu 0 mr 0x1 addr 0xcfe value 0x0 size 2', { name: 'pci-conf-data' }],
    [
      'pci_update_mappings_add nvme 02:00.0 4,0xfffffffffe800000+0x4000',
      { kind: 'mapping-add', bar: 4, address: 0xffff_ffff_fe80_0000, extent: 0x4000 },
    ],
    ['pci_update_mappings_del nvme 02:00.0 6,0xfe8+0x1', { kind: 'mapping-del', bar: 6, extent: 1 }],
    [
      'msix_write_config dev nvme enabled 1 masked 0',
      { kind: 'msix-control', name: 'nvme', enabled: true, masked: false },
    ],
    [
      'gicv3_its_translation_write GICv3 ITS TRANSLATER write: offset 0x40 data 0x3 size 4 requester_id 0x108',
      { kind: 'its-message', address: 0x40, value: 3, sizeBytes: 4, extent: 0x108 },
    ],
    [
      'runstate_set current_run_state 6 (prelaunch) new_state 9 (running)',
      { kind: 'run-state', value: 6, extent: 9 },
    ],
    [
      '2026-01-02T03:04:05.678901Z pci_cfg_read mch 00:00.0 @0x0 -> 0x1',
      { kind: 'config-read', atUs: 1_767_323_045_678_901 },
    ],
    ['pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\r', { value: 0x8086 }],
  ])('%s', (line, fields) => {
    expect(one(line)).toMatchObject(fields);
  });

  it('counts what is not about PCI, and goes on', () => {
    const parser = new QemuLogParser(() => {});
    parser.push(
      bytes('Invalid access at addr 0x1\n\napic_deliver_irq dest 0\npci_cfg_reads x\nrunstate_set_not\n'),
    );
    parser.push(bytes('msix_vector_masked x\n123\n12@\n12@34.\npci_cfg_read mch 00:00.0 @0x0 -> 0x1\n'));
    parser.finish();
    expect([parser.records, parser.skipped, parser.lost]).toEqual([1, 9, 0]);
  });

  it.each([
    'pci_cfg_read mch 00:00.0 @0x0 -> 8086',
    'pci_cfg_read mch 00:20.0 @0x0 -> 0x8086',
    'pci_cfg_read mch 00:00.8 @0x0 -> 0x8086',
    'pci_cfg_read mch 00:00.0 0x0 -> 0x8086',
    'pci_cfg_read 00:00.0 @0x0 -> 0x8086',
    'pci_cfg_write @',
    'pci_update_mappings_add nvme 02:00.0 7,0x1+0x1',
    'memory_region_ops_read cpu 0 mr 0x1 addr 0xcf8 value 0x12345678123456789 size 4',
    'memory_region_ops_read cpu 0 mr 0x1 addr 0xcf8 value 0x1 size 9',
    "memory_region_ops_read cpu 0 mr 0x1 addr 0xcf8 value 0x1 size 4 name 'x",
    'msix_write_config dev nvme enabled',
    'gicv3_its_translation_write elsewhere',
  ])('cannot read %s', (line) => {
    const trouble = troubleOf(() =>
      records(`runstate_set current_run_state 6 (x) new_state 9 (y)\n${line}\n`),
    );
    expect([trouble.code, trouble.position()]).toEqual(['QLOG-003', '2']);
  });

  it.each(['', 'hello\nworld\n', 'pci_cfg_read mch 00:00.0 @0x0 -> 0x80'])('finds no log in %j', (text) => {
    expect(troubleOf(() => records(text)).code).toBe('QLOG-001');
  });

  it('says of a torn last line that it is lost, unless the line shows its end', () => {
    const head = 'pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\n';
    const counts = (tail: string): number[] => {
      const parser = new QemuLogParser(() => {});
      parser.push(bytes(head + tail));
      parser.finish();
      return [parser.records, parser.skipped, parser.lost];
    };
    expect(counts('pci_cfg_read mch 00:00.0 @0x0 -> 0x80')).toEqual([1, 0, 1]);
    expect(counts('pci_cfg_read mch 00')).toEqual([1, 0, 1]);
    expect(counts('apic_del')).toEqual([1, 1, 0]);
    expect(counts("memory_region_ops_read cpu 0 mr 0x1 addr 0x1 value 0x1 size 1 name 'x'")).toEqual([
      2, 0, 0,
    ]);
  });

  it('refuses lines no trace has', () => {
    expect(troubleOf(() => records('x'.repeat(70_000))).code).toBe('QLOG-002');
    expect(troubleOf(() => records(`${'x'.repeat(70_000)}\n`)).code).toBe('QLOG-002');
  });
});

describe('a log in pieces', () => {
  const path = fileURLToPath(new URL('../fixtures/qemu-log/q35-boot/trace.log.gz', import.meta.url));
  const log = gunzipSync(readFileSync(path)).subarray(0, 20_000);

  it('reads the same wherever it is cut', () => {
    const read = (pieces: readonly Uint8Array[]): string[] => {
      const found: string[] = [];
      const parser = new QemuLogParser((record) => found.push(JSON.stringify(record)));
      for (const piece of pieces) parser.push(piece);
      parser.finish();
      return [...found, `${parser.records} ${parser.skipped} ${parser.lost}`];
    };
    const whole = read([log]);
    expect(whole.length).toBeGreaterThan(150);
    fc.assert(
      fc.property(fc.array(fc.nat(log.length), { maxLength: 8 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), log.length];
        const pieces = edges.slice(1).map((edge, i) => log.subarray(edges[i], edge));
        expect(read(pieces)).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it('never fails but with a code of its own, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.nat(log.length - 1), fc.uint8Array({ maxLength: 40 }), (at, noise) => {
        const damaged = Uint8Array.from(log);
        damaged.set(noise.subarray(0, log.length - at), at);
        try {
          const parser = new QemuLogParser(() => {});
          parser.push(damaged);
          parser.finish();
        } catch (error) {
          expect(error).toBeInstanceOf(Trouble);
          expect((error as Trouble).code).toMatch(/^QLOG-00[1-3]$/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
