import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Row } from './row.js';
import { qemuSet } from './sets/qemu.js';

const fixtures = fileURLToPath(new URL('../fixtures/qemu-log', import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function rowsOf(folder: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of qemuSet.rows(folder)) rows.push(row);
  return rows;
}

/** A copy of the recording whose trace or files say something else. */
function doctored(edit: (trace: string) => string, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-qemu-'));
  folders.push(folder);
  cpSync(fixtures, folder, { recursive: true });
  const path = join(folder, 'q35-boot/trace.log.gz');
  writeFileSync(path, gzipSync(edit(gunzipSync(readFileSync(path)).toString())));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'q35-boot', name), text);
  return folder;
}

describe('the qemu set', () => {
  it('predicts every line of the recorded boot', async () => {
    const [row] = await rowsOf(fixtures);
    expect(row).toMatchObject({ file: 'q35-boot', mismatched: 0, unmodelled: 0, firstMismatch: null });
    expect(row!.matched).toBeGreaterThan(650);
  });

  it.each([
    ['a value that was read', '@0x0 -> 0x29c08086', '@0x0 -> 0x29c08087'],
    [
      'the function that answered',
      'pci_cfg_read pcie-root-port 00:02.0 @0xe',
      'pci_cfg_read pcie-root-port 00:03.0 @0xe',
    ],
    ['where a BAR went', '0,0xfe800000+0x1000', '0,0xfe900000+0x1000'],
    [
      'an answer for an absent function',
      "value 0xffffffff size 2 name 'pci-conf-data'",
      "value 0x1234 size 2 name 'pci-conf-data'",
    ],
  ])('notices %s', async (_what, from, to) => {
    const [row] = await rowsOf(doctored((trace) => trace.replace(from, to)));
    expect(row!.mismatched).toBeGreaterThan(0);
  });

  it('notices a line that should have been there', async () => {
    const [row] = await rowsOf(doctored((trace) => trace.replace(/pci_cfg_write .*\n/, '')));
    expect(row!.mismatched).toBe(1);
    expect(row!.firstMismatch?.expected).toBe('no such line');
  });

  it('holds the machine against what the guest printed at a marker', async () => {
    const dump = (bytes: string): string =>
      JSON.stringify({
        markers: [{ marker: 'before-dump-final', offset: '0xff', first_line: 1400 }],
        dumps: { final: { '0000:00:00.0': bytes } },
      });
    const [right] = await rowsOf(doctored((trace) => trace, { 'config-dumps.json': dump('8680c029') }));
    const [wrong] = await rowsOf(doctored((trace) => trace, { 'config-dumps.json': dump('8680c028') }));
    expect(right!.mismatched).toBe(0);
    expect(wrong!.firstMismatch).toMatchObject({
      at: 'dump final',
      input: '0000:00:00.0 @0x0',
      actual: '0x29c08086',
    });
  });

  it('carries out a hot-plug request when the trace shows it: the guest reads that something is there', async () => {
    const events = (lines: readonly string[]): string =>
      lines.map((text) => `memory_region_ops_${text}\n`).join('');
    const tail = events([
      "read cpu 0 mr 0x1 addr 0x620 value 0x2 size 1 name 'acpi-gpe0'",
      "write cpu 0 mr 0x1 addr 0xcd0 value 0x0 size 4 name 'acpi-pci-hotplug'",
      "read cpu 0 mr 0x1 addr 0xcc4 value 0x1 size 4 name 'acpi-pci-hotplug'",
      "write cpu 0 mr 0x1 addr 0xcc8 value 0x1 size 4 name 'acpi-pci-hotplug'",
      "write cpu 0 mr 0x1 addr 0xcf8 value 0x80010000 size 4 name 'pci-conf-idx'",
      "read cpu 0 mr 0x1 addr 0xcfc value 0xffffffff size 4 name 'pci-conf-data'",
    ]);
    const line = (entry: object): string => `${JSON.stringify(entry)}\n`;
    const request = { execute: 'device_del', arguments: { id: 'v0' } };
    const folder = doctored(
      (trace) =>
        // The PM block where the firmware puts it, then the guest that handles the event.
        trace +
        events([
          "write cpu 0 mr 0x1 addr 0xcf8 value 0x8000f840 size 4 name 'pci-conf-idx'",
          "write cpu 0 mr 0x1 addr 0xcfc value 0x601 size 4 name 'pci-conf-data'",
        ]) +
        'pci_cfg_write ICH9-LPC 00:1f.0 @0x40 <- 0x601\n' +
        events([
          "write cpu 0 mr 0x1 addr 0xcf8 value 0x8000f844 size 4 name 'pci-conf-idx'",
          "write cpu 0 mr 0x1 addr 0xcfc value 0x80 size 1 name 'pci-conf-data'",
        ]) +
        'pci_cfg_write ICH9-LPC 00:1f.0 @0x44 <- 0x80\n' +
        tail,
      {
        'qmp.jsonl':
          line({ t: 1, wall: 1, dir: 'c2s', msg: request }) +
          line({ t: 1, wall: 1, dir: 's2c', msg: { return: {} } }),
        'config-dumps.json': JSON.stringify({
          markers: [{ marker: 'after-dump-before', offset: '0xfd', first_line: 1500 }],
          dumps: {},
        }),
      },
    );
    const [row] = await rowsOf(folder);
    expect(row!.firstMismatch).toBe(null);
  });

  it('cannot judge a recording whose description is damaged', async () => {
    const folder = doctored((trace) => trace, { 'devices.json': '{' });
    await expect(rowsOf(folder)).rejects.toThrowError(/cannot be read/);
  });
});

describe('a folder with one recording that cannot be read', () => {
  it('still gives the rows of the others before it says so', async () => {
    const folder = doctored((trace) => trace);
    cpSync(join(folder, 'q35-boot'), join(folder, 'a-damaged'), { recursive: true });
    writeFileSync(join(folder, 'a-damaged', 'devices.json'), '{"cold":{}}');
    const rows: Row[] = [];
    await expect(
      (async () => {
        for await (const row of qemuSet.rows(folder)) rows.push(row);
      })(),
    ).rejects.toThrowError(/no cold\.devices/);
    expect(rows.map(({ file, mismatched }) => [file, mismatched])).toEqual([['q35-boot', 0]]);
  });

  it.each([
    ['8680c0', 0],
    ['8680c1', 1],
  ])('takes a printed space that ends inside a dword as far as it goes: %s', async (bytes, mismatched) => {
    const dump = JSON.stringify({
      markers: [{ marker: 'before-dump-final', offset: '0xff', first_line: 1400 }],
      dumps: { final: { '0000:00:00.0': bytes } },
    });
    const [row] = await rowsOf(doctored((trace) => trace, { 'config-dumps.json': dump }));
    expect(row!.mismatched).toBe(mismatched);
  });
});
