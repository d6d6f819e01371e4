import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { good, xpr as run, scratch } from './xpr.js';

const at = scratch();
const trace = at('swapped.xpr');
beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', trace]);
});

/** Why pciutils cannot be asked; null when it can. */
const noLspci: string | null = (() => {
  if (spawnSync('lspci', ['--version']).status === 0) return null;
  const reason = 'lspci is not installed (Debian: pciutils)';
  if (process.env['CI'] === 'true') throw new Error(reason);
  console.warn(`lspci -F: skipped, ${reason}`);
  return reason;
})();

describe('xpr devices', () => {
  it('shows both names of a function, its owner and what was found about it', async () => {
    const { out, err } = await good(['devices', trace]);
    expect(out).toBe(
      `${[
        'function            Xen           Dom0          owner  driver  accesses',
        '0xa0000000/01:00.0  0000:01:00.0  0001:01:00.0  d0     -       7         NIC-A',
        '  Ethernet controller 8086:1521',
        '  finds SEG-001 2 times, CFG-001, IOM-001 2 times, IOM-002, MSI-001',
        '0xb0000000/01:00.0  0001:01:00.0  0000:01:00.0  d1     -       7         NIC-B',
        '  Ethernet controller 8086:1521',
        '  finds SEG-001, CFG-001, IOM-001, IOM-002, MSI-002',
      ].join('\n')}\n`,
    );
    expect(err).toMatch(/next:\n {2}xpr explain .*swapped\.xpr 18\n/);
  });

  it('shows what was known at a position', async () => {
    const before = JSON.parse((await good(['devices', trace, '--at', '0', '--json'])).out);
    expect(before).toMatchObject({
      schema: 'devices/1',
      at: 0,
      devices: [
        { function: '0xa0000000/01:00.0', xenName: null, dom0Name: null, knownToXen: false, owner: null },
        { function: '0xb0000000/01:00.0', xenName: null, findings: [], accesses: 0 },
      ],
    });
  });

  it('agrees with state and findings', async () => {
    const { devices } = JSON.parse((await good(['devices', trace, '--json'])).out);
    const state = JSON.parse((await good(['state', trace, '--path', 'xen.devices', '--json'])).out).state;
    const { findings } = JSON.parse((await run(['findings', trace, '--json'])).out);
    for (const one of devices) {
      expect(state[one.xenName].owner).toBe(one.owner);
      const about = findings.filter((finding: { function: string }) => finding.function === one.function);
      expect(one.findings.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(
        about.length,
      );
    }
  });

  it('names devices that only Xen and Dom0 know', async () => {
    const recording = 'traces/recordings/xen-4.22-two-bridges.xpr';
    const { devices } = JSON.parse((await good(['devices', recording, '--json'])).out);
    const row = devices.find((one: { xenName: string }) => one.xenName === '0000:01:00.0');
    expect(row).toMatchObject({ dom0Name: '0001:01:00.0', name: null, vendorId: null, owner: 0 });
  });

  it("shows a guest's name for what it has", async () => {
    const file = at('guest.xpr');
    await good(['record', 'guest-sees-real-addresses', '-o', file]);
    expect((await good(['devices', file])).out).toContain('d1 has it as 0000:04:00.0');
  });
});

describe('xpr domains', () => {
  it('shows who has what', async () => {
    const { out } = await good(['domains', trace]);
    expect(out).toBe(
      `${[
        'domain  name      type  accesses  hypercalls  servers  is',
        'd0      Domain-0  arm   6         3           0        privileged, drives the bridges',
        '  has 0000:01:00.0',
        'd1      guest     arm   0         0           0        -',
        '  has 0001:01:00.0',
      ].join('\n')}\n`,
    );
  });

  it('counts device models', async () => {
    const file = at('ecam.xpr');
    await good(['record', 'ecam-window-moved', '-o', file]);
    const { domains } = JSON.parse((await good(['domains', file, '--json'])).out);
    expect(domains).toMatchObject([{ domid: 0 }, { domid: 1, type: 'hvm', servers: 1, alive: true }]);
  });

  it('shows the quarantine', async () => {
    const file = at('stub.xpr');
    await good(['record', 'stubdom-sees-another-address', '-o', file]);
    expect((await good(['domains', file])).out).toMatch(/^dom_io .*\n {2}has 0000:04:00\.0$/m);
  });
});

describe('xpr lspci', () => {
  /** What lspci makes of a listing of ours. */
  const read = (listing: string, ...flags: string[]): string[] => {
    const file = at('listing.txt');
    writeFileSync(file, listing);
    const { status, stdout, stderr } = spawnSync('lspci', ['-F', file, '-D', ...flags], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    return stdout.split('\n');
  };
  const bytesIn = (lines: readonly string[]): string[] =>
    lines.filter((line) => /^[0-9a-f]{2,3}: /.test(line));

  it
    .skipIf(noLspci !== null)
    .each(['two-bridges-swapped', 'killed-between-assign-and-store', 'sata-controller-sends-as-function-1'])(
    'is what lspci -F reads: %s',
    async (scenario) => {
      const file = at(`${scenario}.xpr`);
      await good(['record', scenario, '-o', file]);
      const listing = (await good(['lspci', file, '-xxxx'])).out;
      const ours = listing.split('\n');
      expect(bytesIn(ours)).not.toEqual([]);
      expect(bytesIn(read(listing, '-xxxx'))).toEqual(bytesIn(ours));
      const heads = (lines: readonly string[], head: RegExp) =>
        lines.flatMap((line) => head.exec(line)?.slice(1).join(' ') ?? []);
      expect(heads(read(listing, '-n'), /^(\S+) (\S{4}): (\S{9})/)).toEqual(
        heads(ours, /^(\S+) .*\[(\S{4})\]: .*\[(\S{9})\]/),
      );
    },
  );

  it("has Dom0's names, or Xen's", async () => {
    const heads = async (...flags: string[]) =>
      (await good(['lspci', trace, ...flags])).out
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ Eth.*: (NIC-.) .*/, ' $1'));
    expect(await heads()).toEqual(['0000:01:00.0 NIC-B', '0001:01:00.0 NIC-A']);
    expect(await heads('--names', 'xen')).toEqual(['0000:01:00.0 NIC-A', '0001:01:00.0 NIC-B']);
  });

  it('shows as many bytes as lspci would', async () => {
    const count = async (...flags: string[]) =>
      bytesIn((await good(['lspci', trace, ...flags])).out.split('\n')).length;
    expect([await count(), await count('-x'), await count('-xxx'), await count('-x', '-x', '-x')]).toEqual([
      0, 8, 32, 32,
    ]);
  });

  it('says what it leaves out', async () => {
    const { out, err } = await good(['lspci', trace, '--at', '0']);
    expect([out, err]).toEqual(['', '2 functions are not listed: Dom0 has no number for the bridge there\n']);
  });

  it('refuses a numbering that is none', async () => {
    const { code, err } = await run(['lspci', trace, '--names', 'dom1']);
    expect([code, err]).toEqual([2, expect.stringMatching(/^xpr: CLI-016: no numbering dom1\n.*dom0/)]);
  });
});
