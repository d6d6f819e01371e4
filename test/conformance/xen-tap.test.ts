import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Row } from './row.js';
import { xenTapSet } from './sets/xen-tap.js';
import { capabilityIn, configSpaces, unseenFunction } from './xen-tap/functions.js';

/** Lines of our own recordings of a Xen 4.17.7, shortened. */
const log = `(XEN) [0000000022 8e27d8] Xen version 4.17.7 (Debian)
(XEN) [0000000022b04cd2] Command line: loglvl=all console=com1 com1=115200,8n1 iommu=verbose
(XEN) [000000004b1] [VT-D]Host address width 48
(XEN) [000000004bf342a2] IOAPIC[0]: apic_id 0, version 32, address 0xfec00000, GSI 0-23
(XEN) [000000004c4d1c68] PCI: MCFG configuration 0: base b0000000 segment 0000 buses 00 - ff
(XEN) [000000004c92abf8] IRQ limits: 24 GSI, 392 MSI/MSI-X
(XEN) [    0.373468] I/O virtualisation enabled
(XEN) [    0.373722] Interrupt remapping enabled
(XEN) [    0.688241] d0 has maximum 416 PIRQs
`;

const hexRows = (image: Uint8Array): string =>
  Array.from({ length: image.length / 16 }, (_, row) => {
    const bytes = [...image.slice(16 * row, 16 * row + 16)].map((byte) => byte.toString(16).padStart(2, '0'));
    return `${(16 * row).toString(16).padStart(2, '0')}: ${bytes.join(' ')}`;
  }).join('\n');
const listing = `0000:01:00.0 Non-Volatile memory controller [0108]: Test\n${hexRows(unseenFunction())}\n`;

const gsi = (ret: number) => ({
  fn: 'physdev_op',
  cmd: 21,
  name: 'setup_gsi',
  args: { gsi: 23, triggering: 1, polarity: 0 },
  ret,
});
const map = (devfn: number, bus: number, pirq: number) => {
  const args = {
    domid: 32752,
    type: 3,
    index: -1,
    pirq: -1,
    bus,
    devfn,
    entry_nr: 0,
    table_base: 4026531840,
  };
  return { fn: 'physdev_op', cmd: 13, name: 'map_pirq', args, ret: 0, out: { ...args, type: 0, pirq } };
};
const calls = [
  { fn: 'physdev_op', cmd: 6, name: 'set_iopl', args: { iopl: 1 }, ret: 0 },
  { ...gsi(-17), args: { gsi: 4, triggering: 0, polarity: 0 } },
  gsi(0),
  gsi(-17),
  {
    fn: 'physdev_op',
    cmd: 24,
    name: 'pci_mmcfg_reserved',
    args: { address: 0xb0000000, segment: 0, start_bus: 0, end_bus: 255, flags: 1 },
    ret: 0,
  },
  map(0, 1, 415),
  {
    fn: 'domctl',
    cmd: 37,
    name: 'assign_device',
    domain: 0x7ff1,
    args: { dev: 0, flags: 1, sbdf: '0000:01:00.0' },
    ret: 0,
  },
  { fn: 'pci_conf_write_intercept', sbdf: '0000:01:00.0', reg: 0x62, size: 2, data: 0xc000, ret: 1 },
  { fn: 'domctl', cmd: 1, name: 'createdomain', domain: 65535, ret: 0 },
  {
    fn: 'domctl',
    cmd: 37,
    name: 'assign_device',
    domain: 5,
    args: { dev: 0, flags: 0, sbdf: '0000:0b:00.0' },
    ret: -19,
  },
  { fn: 'domctl', cmd: 2, name: 'destroydomain', domain: 5, ret: 36 },
];

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function judge(records: readonly object[], files: Record<string, string> = {}): Row[] {
  const folder = mkdtempSync(join(tmpdir(), 'xen-tap-'));
  folders.push(folder);
  const run = join(folder, 'run');
  mkdirSync(join(run, 'snap-boot'), { recursive: true });
  const rows = records.map((record, i) =>
    JSON.stringify({ seq: i + 1, tsc: i, cpu: 0, cur: 'd0v0', ...record }),
  );
  writeFileSync(join(run, 'tap.jsonl'), rows.join('\n'));
  for (const [name, text] of Object.entries({
    'xen-console.log': log,
    'snap-boot/lspci-vvv-xxxx.txt': listing,
    ...files,
  }))
    writeFileSync(join(run, name), text);
  return [...(xenTapSet.rows(folder) as Iterable<Row>)];
}

describe('the xen-tap set', () => {
  it('predicts a run and says what it does not model', () => {
    const [row] = judge(calls);
    expect(row).toMatchObject({ file: 'run/tap.jsonl', total: 11, matched: 9, mismatched: 0, unmodelled: 2 });
    expect(row!.firstMismatch).toBe(null);
  });

  it.each([
    ['another errno', calls.map((call, i) => (i === 1 ? gsi(0) : call)), 'seq 3'],
    ['another pirq', calls.map((call, i) => (i === 5 ? map(0, 1, 414) : call)), 'seq 6'],
    ['a write let through', calls.map((call, i) => (i === 7 ? { ...call, ret: 0 } : call)), 'seq 8'],
    [
      'an output that stayed',
      calls.map((call, i) => (i === 5 ? { ...call, out: undefined } : call)),
      'seq 6',
    ],
  ])('%s in the recording is a mismatch', (_what, changed, at) => {
    const [row] = judge(changed);
    expect(row!.mismatched).toBeGreaterThan(0);
    expect(row!.firstMismatch!.at).toBe(at);
  });

  it('does not judge interrupts of a function no snapshot shows, but follows what they were given', () => {
    const add = {
      fn: 'physdev_op',
      cmd: 25,
      name: 'pci_device_add',
      args: { seg: 0, bus: 6, devfn: 0, flags: 0 },
      ret: 0,
    };
    const unmap = {
      fn: 'physdev_op',
      cmd: 14,
      name: 'unmap_pirq',
      args: { domid: 32752, pirq: 414 },
      ret: 0,
    };
    const [row] = judge([...calls.slice(0, 6), add, map(0, 6, 414), unmap]);
    expect(row).toMatchObject({ total: 9, matched: 8, mismatched: 0, unmodelled: 1 });
  });

  it('has no row for a recording without such calls', () => {
    expect(judge([{ fn: 'vpci_read', sbdf: '0000:00:00.0', reg: 0, size: 4, ret: 0 }])).toEqual([]);
  });
});

describe('lspci -xxxx', () => {
  it('gives each function its bytes', () => {
    const spaces = configSpaces(`${listing}\n0000:02:00.0 cut\n00: 01 02\n`);
    expect([...spaces.keys()]).toEqual([0x100]);
    expect(capabilityIn(spaces.get(0x100 as never)!, 0x11)).toBe(0x60);
  });
});
