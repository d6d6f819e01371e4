import { beforeAll, describe, expect, it } from 'vitest';
import { good, scratch, xpr } from './xpr.js';

const at = scratch();
const servers = at('servers.xpr');
const owned = at('owned.xpr');
const quarantine = at('quarantine.xpr');
const vpci = at('vpci.xpr');

beforeAll(async () => {
  await good(['record', 'q35-two-servers', '-o', servers]);
  await good(['record', 'pciexbar-moved', '-o', owned, '--policy', 'mmconfig=xen-chipset']);
  await good(['record', 'assign-through-quarantine', '-o', quarantine]);
  await good(['record', 'pvh-bar-moved-while-mapped', '-o', vpci]);
});

describe('keys of the state', () => {
  it('are names and offsets, in JSON and in paths', async () => {
    const { out } = await good(['state', owned, '--at', 'last', '--path', 'mmconfig.1.registers', '--json']);
    expect(JSON.parse(out)).toMatchObject({ state: { '0000:00:00.0': { '0x60': '0xc0000001' } } });
  });

  it.each(['mmconfig.1.registers.0000:00:1c.0.0x18', 'mmconfig.1.registers.224.24'])(
    'are found as printed and as plain numbers: %s',
    async (path) => {
      expect((await good(['state', owned, '--at', 'last', '--path', path])).out.trim()).toBe('"0x10100"');
    },
  );

  it('of functions are found by bridge and place', async () => {
    const path = 'hw.present.0xb0000000/00:02.0';
    expect((await good(['state', vpci, '--at', 'last', '--path', path])).out.trim()).toBe('true');
  });

  it('that are not there are named beside those that are', async () => {
    const { code, err } = await xpr([
      'state',
      owned,
      '--at',
      'last',
      '--path',
      'mmconfig.1.registers.0000:00:1d.0',
    ]);
    expect(code).toBe(2);
    expect(err).toContain('expected 0000:00:00.0, 0000:00:1c.0');
  });

  it('and ranges of functions are SBDFs, of ports and memory hex', async () => {
    const path = 'ioreq.1.servers.1.ranges';
    const { out } = await good(['state', servers, '--at', 'last', '--path', path, '--json']);
    const { state } = JSON.parse(out) as { state: readonly { starts: readonly string[] }[] };
    expect(state.map(({ starts }) => starts[0])).toEqual(['0xcf8', '0xb0000000', '0000:00:00.0']);
  });
});

describe('lines of events', () => {
  it('name the domain ids that stand for no guest (facts/xen 1.4), JSON has the number', async () => {
    const line = (await good(['show', quarantine, '--where', 'kind == "device.assigned"'])).out.split(
      '\n',
    )[0];
    expect(line).toContain('from=0 to=DOMID_IO');
    const json = await good(['show', quarantine, '--where', 'kind == "device.assigned"', '--json']);
    expect(JSON.parse(json.out.split('\n')[0]!)).toMatchObject({ data: { to: 32753 } });
  });

  it('give registers in hex and ranges of functions by name', async () => {
    const { out } = await good(['show', servers, '--where', 'kind == "range.mapped"']);
    expect(out).toContain('type=pci start=0000:01:00.0 end=0000:01:1f.7');
    expect((await good(['show', quarantine, '16'])).out).toContain('reg=0xa ');
  });

  it('stand in columns', async () => {
    const lines = (await good(['show', servers])).out.trimEnd().split('\n');
    const places = lines.map((line) => line.search(/\b[a-z0-9]+\.[a-z]+ {2}/));
    expect(new Set(places).size).toBe(1);
  });
});

describe('servers', () => {
  it('have the name of the program that made them in findings, alone and in explain', async () => {
    const { out } = await xpr(['findings', servers, '--json']);
    const [first] = (JSON.parse(out) as { findings: readonly { seq: number; message: string }[] }).findings;
    expect(first?.message).toContain(
      'is server 0 (dm:vgpu) through CF8/CFC and server 1 (dm:qemu) through ECAM',
    );
    // `explain` starts in the middle of the trace.
    const { out: alone } = await good(['explain', servers, String(first?.seq)]);
    expect(alone).toContain('Answered by: server 1 (dm:qemu) registered the memory at 0xb0100000');
    expect(alone).toMatch(/^ {2}server {5}1 \(dm:qemu\)/m);
  });

  it('are explained below the table of what-if', async () => {
    const { out } = await xpr(['what-if', servers, '--policy', 'mmconfig=notify']);
    expect(out.trimEnd().split('\n').at(-1)).toBe('server:0 is dm:vgpu, server:1 is dm:qemu');
  });
});
