import { describe, expect, it } from 'vitest';
import { qemuLogFormat } from '../../src/importers/qemu-log/format.js';
import { formatOf } from '../../src/importers/registry.js';
import { xenTapFormat } from '../../src/importers/xen-tap/format.js';
import { xenstoredFormat } from '../../src/importers/xenstored/format.js';
import { importBytes, importSources, sourceOf } from './import-bytes.js';

const call = (more: object): string =>
  `${JSON.stringify({ seq: 1, tsc: 24_000, cpu: 0, cur: 'd0v0', fn: 'physdev_op', cmd: 8, name: 'apic_read', args: { apic_physbase: 1, reg: 0, value: 0 }, ret: 0, ...more })}\n`;

const store = [
  'CREATE connection 0x55b322a37dc0',
  'IN 0x55b322a37dc0 20260102 03:04:05 WRITE (/a/b 1)',
  'OUT 0x55b322a37dc0 20260102 03:04:05 WATCH_EVENT (/a/b tok )',
  'OUT 0x55b322a37dc0 20260102 03:04:05 WRITE (OK)',
  'IN 0x55b322a37dc0 20260102 03:04:07 READ (/c)',
  'OUT 0x55b322a37dc0 20260102 03:04:07 ERROR (ENOENT)',
  'something else',
  '',
].join('\n');

describe('a tap', () => {
  it('tells calls and their results at the time of the counter', async () => {
    const { events, counts } = await importBytes(
      xenTapFormat,
      call({}) + call({ seq: 2, tsc: 48_000, ret: -22 }) + call({ seq: 3, fn: 'vpci_read' }),
      11,
    );
    expect(events.map(({ kind, atNs, cause }) => [kind, atNs, cause])).toEqual([
      ['hypercall.issued', 0, null],
      ['hypercall.returned', 0, 0],
      ['hypercall.issued', 10_000, null],
      ['hypercall.returned', 10_000, 2],
    ]);
    expect(events[3]!.data).toEqual({ ret: -22, out: null });
    expect(counts).toMatchObject([{ records: 3, skipped: 1, lost: 0 }]);
  });

  it.each([
    ['a domain beyond 16 bits', call({ cur: 'd70000v0' }), 'IMP-008'],
    ['half a surrogate pair', call({ args: { a: '\ud800' } }), 'IMP-008'],
    ['a name that is none', call({}).replace('"reg"', '"__proto__"'), 'IMP-008'],
    ['a row that is no object', '[]\n', 'TAP-001'],
    ['a result that is no number', call({ cmd: 'x' }), 'TAP-002'],
  ])('with %s is an error with its line', async (_name, row, code) => {
    await expect(importBytes(xenTapFormat, call({}) + row)).rejects.toMatchObject({
      code,
      detail: { at: { line: 2 }, file: 'input' },
    });
  });
});

describe('a log of xenstored', () => {
  it('tells requests, answers and watch events, and what changed by them', async () => {
    const { events, counts } = await importBytes(xenstoredFormat, store, 10);
    expect(events.map(({ kind, origin, atNs }) => [kind, origin, atNs / 1e9])).toEqual([
      ['xenstore.connected', 'observed', 0],
      ['xenstore.requested', 'observed', 0],
      ['xenstore.fired', 'observed', 0],
      ['xenstore.changed', 'inferred', 0],
      ['xenstore.answered', 'observed', 0],
      ['xenstore.requested', 'observed', 2],
      ['xenstore.answered', 'observed', 2],
    ]);
    expect(events[6]!.data).toMatchObject({ op: 'READ', path: '/c', error: 'ENOENT' });
    expect(counts).toMatchObject([{ skipped: 1, lost: 0 }]);
  });
});

it('formats know their files and no others', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  expect(formatOf(bytes(call({})), null).name).toBe('xen-tap');
  expect(formatOf(bytes(store), null).name).toBe('xenstored');
  expect(formatOf(bytes('pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\n'), null).name).toBe('qemu-log');
  expect(() => formatOf(bytes('{"a":1}\n'), null)).toThrowError(/format is not known/);
  expect(() => formatOf(bytes(store), 'constructor')).toThrowError(/no import format constructor/);
});

describe('QEMU logs', () => {
  const at = (us: number, line: string): string => `7@100.${String(us).padStart(6, '0')}:${line}\n`;

  it('of two parts make one trace with one machine', async () => {
    const first =
      at(0, 'pci_cfg_read mch 00:00.0 @0x0 -> 0x8086') + at(9, 'pci_cfg_read mch 00:00.0 @0x4 -> 0x1');
    const second = at(5, 'pci_cfg_read edu 00:01.0 @0x0 -> 0x1234');
    const { header, events } = await importSources([
      sourceOf('a', qemuLogFormat, first),
      sourceOf('b', qemuLogFormat, second),
    ]);
    expect(header.platform.bridges).toHaveLength(1);
    expect(header.platform.functions.map(({ name }) => name)).toEqual(['mch', 'edu']);
    expect(events.map(({ atNs }) => atNs)).toEqual([0, 0, 5_000, 5_000, 9_000, 9_000]);
    expect(events.map(({ cause }) => cause)).toEqual([null, 0, null, 2, null, 4]);
  });

  it('whose times go back keep their order, and are counted', async () => {
    const { events, counts } = await importBytes(
      qemuLogFormat,
      [10, 20, 15].map((us) => at(us, 'pci_cfg_read mch 00:00.0 @0x0 -> 0x8086')).join(''),
    );
    expect(events.map(({ atNs }) => atNs)).toEqual([0, 0, 10_000, 10_000, 10_000, 10_000]);
    expect(counts[0]!.timesBack).toBeGreaterThan(0);
  });

  it.each([
    ['9999999999@99999999999999999.000000:pci_cfg_read mch 00:00.0 @0x0 -> 0x8086', 'QLOG-004'],
    [
      '1@1.000000:pci_cfg_read mch 00:00.0 @0x0 -> 0x1\n1@99999999.000000:pci_cfg_read mch 00:00.0 @0x0 -> 0x1',
      'QLOG-004',
    ],
    ['pci_cfg_read mch 00:00.0 @0xffffffff -> 0x1', 'QLOG-003'],
    ['pci_cfg_read mch 00:00.0 @0x1000 -> 0x1', 'QLOG-003'],
    ['pci_update_mappings_add nvme 02:00.0 0,0x1+0xffffffffffffffff', 'QLOG-003'],
    ["memory_region_ops_read cpu 99999 mr 0x1 addr 0x1 value 0x0 size 1 name 'x'", 'QLOG-003'],
    [
      'gicv3_its_translation_write GICv3 ITS TRANSLATER write: offset 0x40 data 0x3 size 4 requester_id 0x10000',
      'QLOG-003',
    ],
  ])('with %s end in an error', async (line, code) => {
    await expect(importBytes(qemuLogFormat, `${line}\n`)).rejects.toMatchObject({ code });
  });

  it('tell a function that answers late by an event', async () => {
    const { header, events } = await importSources(
      [
        sourceOf(
          'a',
          qemuLogFormat,
          "pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\nmemory_region_ops_read cpu 0 mr 0x1 addr 0xb0000000 value 0x8086 size 4 name 'pcie-mmcfg-mmio'\n" +
            'pci_cfg_read edu 00:01.0 @0x0 -> 0x1234\n',
          40,
        ),
      ],
      1,
    );
    expect(header.platform.functions.map(({ name }) => name)).toEqual(['mch']);
    expect(events.at(-1)).toMatchObject({
      kind: 'machine.told',
      data: { what: 'function', of: 'edu', function: 8 },
    });
  });
});
