import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../../replay/run/replayer.js';
import { useConsole } from '../../src/cli/io.js';
import { run } from '../../src/cli/verbs/import.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { nodeSource } from '../../src/importers/node-source.js';
import { qemuLogFormat } from '../../src/importers/qemu-log/format.js';
import { TraceReader } from '../../src/log/reader.js';
import { fileStore } from '../../src/log/stores/file-store.js';
import type { Platform } from '../../src/platform/platform.js';
import { envOf } from '../../src/state/trace-env.js';
import { importBytes } from './import-bytes.js';

const packed = fileURLToPath(new URL('../fixtures/qemu-log/q35-boot/trace.log.gz', import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-import-'));
  folders.push(folder);
  return folder;
}

async function imported(text: string): Promise<{ events: readonly TraceEvent[]; platform: Platform }> {
  const { events, header } = await importBytes(qemuLogFormat, text);
  return { events, platform: header.platform };
}

const said = (events: readonly TraceEvent[]): unknown[] =>
  events.map(({ kind, origin, cause, data }) => ({ ...data, kind, origin, cause }));

const region = (dir: 'read' | 'write', addr: string, value: string, size: number, name: string): string =>
  `memory_region_ops_${dir} cpu 0 mr 0x1 addr ${addr} value ${value} size ${size} name '${name}'\n`;

describe('events of a QEMU log', () => {
  it('folds the address latch and the lines of one read into one access', async () => {
    const { events } = await imported(
      region('write', '0xcf8', '0x80000808', 4, 'pci-conf-idx') +
        'pci_cfg_read edu 00:01.0 @0xa -> 0xff\n' +
        region('read', '0xcfe', '0xff', 2, 'pci-conf-data'),
    );
    expect(said(events)).toMatchObject([
      { kind: 'config.requested', via: 'cf8', dir: 'read', sbdf: 8, reg: 10, size: 2, value: null },
      { kind: 'config.completed', cause: 0, value: 0xff, handledBy: 'dm:qemu/edu', function: 8 },
    ]);
  });

  it('knows by the missing line that nobody answered', async () => {
    const { events } = await imported(
      region('write', '0xcf8', '0x8001f810', 4, 'pci-conf-idx') +
        region('read', '0xcfd', '0xffffffff', 1, 'pci-conf-data') +
        region('write', '0xcfc', '0x1', 4, 'pci-conf-data') +
        'runstate_set current_run_state 9 (running) new_state 4 (paused)\n',
    );
    expect(said(events)).toMatchObject([
      { dir: 'read', sbdf: 0x1f8, reg: 0x11, size: 1 },
      { value: 0xff, handledBy: 'nobody', function: null },
      { dir: 'write', sbdf: 0x1f8, reg: 0x10, size: 4, value: 1 },
      { value: null, handledBy: 'nobody', function: null },
    ]);
  });

  it('finds the ECAM window from the first access through it', async () => {
    const { events, platform } = await imported(
      'pci_cfg_read nvme 02:00.0 @0x100 -> 0x10001\n' +
        region('read', '0xb0200100', '0x10001', 4, 'pcie-mmcfg-mmio') +
        region('write', '0xb0201004', '0x7', 2, 'pcie-mmcfg-mmio'),
    );
    expect(platform.bridges[0]).toMatchObject({ cfgBase: 0xb000_0000, access: 'mmcfg' });
    expect(said(events).slice(2)).toMatchObject([
      { via: 'ecam', dir: 'write', sbdf: 0x201, reg: 4, size: 2, value: 7 },
      { handledBy: 'nobody' },
    ]);
  });

  it('says of mappings and MSI-X control which write they follow from', async () => {
    const { events } = await imported(
      region('write', '0xb0200004', '0x6', 2, 'pcie-mmcfg-mmio') +
        'pci_cfg_write nvme 02:00.0 @0x4 <- 0x6\n' +
        'pci_update_mappings_del nvme 02:00.0 0,0xfffffffffff00000+0x4000\n' +
        'pci_update_mappings_add nvme 02:00.0 0,0xfe800000+0x4000\n' +
        region('write', '0xb0200082', '0xc000', 2, 'pcie-mmcfg-mmio') +
        'pci_cfg_write nvme 02:00.0 @0x82 <- 0xc000\nmsix_write_config dev nvme enabled 1 masked 1\n',
    );
    expect(said(events)).toMatchObject([
      { kind: 'config.requested', reg: 4 },
      { kind: 'config.completed', function: 0x200 },
      { kind: 'bar.unmapped', cause: 0, function: 0x200, address: 0xfff0_0000, addressHigh: 0xffff_ffff },
      { kind: 'bar.mapped', cause: 0, bar: 0, address: 0xfe80_0000, addressHigh: 0, sizeBytes: 0x4000 },
      { kind: 'config.requested', reg: 0x82 },
      { kind: 'config.completed' },
      { kind: 'function.switched', cause: 4, function: 0x200, enabled: true },
    ]);
  });

  it('marks widths it had to guess', async () => {
    const { events } = await imported(
      '7@5.000001:pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\n7@5.000003:pci_cfg_write mch 00:00.0 @0x52 <- 0xffff\n',
    );
    expect(said(events)).toMatchObject([
      { kind: 'config.requested', origin: 'inferred', size: 4 },
      { kind: 'config.completed', origin: 'inferred', value: 0x8086 },
      { kind: 'config.requested', origin: 'inferred', size: 2, value: 0xffff },
      { kind: 'config.completed', origin: 'inferred' },
    ]);
    expect(events.map(({ atNs }) => atNs)).toEqual([0, 0, 2000, 2000]);
  });

  it('takes the bus from the address latch where an old log prints none', async () => {
    const { events, platform } = await imported(
      'memory_region_ops_write cpu 0 mr 0x1 addr 0xcf8 value 0x80030800 size 4\n' +
        'pci_cfg_read e1000 01:0 @0x0 -> 0x8086\n' +
        'memory_region_ops_read cpu 0 mr 0x1 addr 0xcfc value 0x8086 size 2\n',
    );
    expect(said(events)).toMatchObject([
      { sbdf: 0x308, size: 2 },
      { function: 0x308, value: 0x8086 },
    ]);
    expect(platform.functions.map((fn) => fn.function)).toEqual([0x308]);
  });

  it('takes messages to an ITS by their requester id', async () => {
    const { events, platform } = await imported(
      "memory_region_ops_write cpu -1 mr 0x1 addr 0x8090040 value 0x3 size 4 name 'translation'\n" +
        'gicv3_its_translation_write GICv3 ITS TRANSLATER write: offset 0x40 data 0x3 size 4 requester_id 0x308\n',
    );
    expect(platform.arch).toBe('arm64');
    expect(said(events)).toMatchObject([
      { kind: 'msi.written', function: 0x308, address: 0x809_0040, data: 3 },
    ]);
  });

  it('describes every function by the bytes it was first read with', async () => {
    const { platform } = await imported(
      'pci_cfg_read edu 00:01.0 @0x0 -> 0x11e81234\n' +
        region('read', '0xcfc', '0x11e81234', 4, 'pci-conf-data') +
        region('write', '0xcfc', '0x7', 2, 'pci-conf-data') +
        'pci_cfg_write edu 00:01.0 @0x4 <- 0x7\n' +
        'pci_cfg_read edu 00:01.0 @0x4 -> 0x100007\n' +
        region('read', '0xcfc', '0x100007', 4, 'pci-conf-data'),
    );
    const [edu] = platform.functions;
    expect(edu).toMatchObject({ function: 8, name: 'edu', present: true });
    expect([...edu!.config.subarray(0, 8)]).toEqual([0x34, 0x12, 0xe8, 0x11, 0, 0, 0, 0]);
  });
});

describe('xpr import of a QEMU log', () => {
  beforeAll(() => {
    useConsole({
      out: () => {},
      err: () => {},
      input: () => new Uint8Array(),
      outIsTerminal: false,
      errIsTerminal: false,
    });
  });

  it('makes a trace that opens and replays, packed or not', async () => {
    const folder = scratch();
    const plain = join(folder, 'trace.log');
    writeFileSync(plain, gunzipSync(readFileSync(packed)));
    const digests: string[] = [];
    for (const file of [packed, plain]) {
      const output = join(folder, 'T.xpr');
      expect(await run([[file]], { output })).toBe(0);
      const source = fileStore.open(output);
      const { header, index } = TraceReader.open<Platform>(source);
      const opened = new TraceReader<Platform>(source, header, index);
      const result = replay(envOf(header), [[...opened.readEvents()]], { keep: 1 });
      expect(result).toMatchObject({ mismatched: 0, divergences: [] });
      expect(result.inputs).toBeGreaterThan(500);
      expect(opened.sources).toMatchObject([{ format: 'qemu-log', lost: 0 }]);
      digests.push(opened.digest);
      opened.close();
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it('leaves no trace behind when the log is bad', async () => {
    const folder = scratch();
    const file = join(folder, 'bad.log');
    writeFileSync(file, 'pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\npci_cfg_read mch\n');
    const output = join(folder, 'T.xpr');
    await expect(run([[file]], { output })).rejects.toMatchObject({ code: 'QLOG-003' });
    expect(existsSync(output)).toBe(false);
  });

  it('says that a gzip file is cut off', async () => {
    const folder = scratch();
    const file = join(folder, 'cut.log.gz');
    writeFileSync(file, readFileSync(packed).subarray(0, 3000));
    const output = join(folder, 'T.xpr');
    await expect(run([[file]], { output })).rejects.toMatchObject({ code: 'IMP-003' });
    expect(existsSync(output)).toBe(false);
  });

  it.each([
    ['8283@1795171292.029279:pci_cfg_read mch 00:00.0 @0x0 -> 0x8086\n', true],
    ['VNC server running\nrunstate_set current_run_state 6 (prelaunch) new_state 9 (running)\n', true],
    ['hello\n', false],
    ['{"schema":"xpr-ndjson/1"}\n', false],
  ])('tells %j apart', (text, isLog) => {
    expect(qemuLogFormat.detect(new TextEncoder().encode(text))).toBe(isLog);
  });

  it('reads a file once, packed or not, and knows its sum', async () => {
    const source = await nodeSource(packed, null);
    let size = 0;
    for await (const chunk of source.chunks()) size += chunk.length;
    expect(size).toBe(gunzipSync(readFileSync(packed)).length);
    expect(source.head.length).toBeGreaterThan(0);
    expect(source.sha256()).toBe(createHash('sha256').update(readFileSync(packed)).digest('hex'));
  });
});
