import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import { functionId } from '../../src/pci/function-id.js';
import { bdf } from '../../src/pci/sbdf.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { platformMisfit } from '../../src/platform/check-platform.js';
import { defaultX86Facts } from '../../src/platform/platform.js';
import { scenarios } from '../../src/scenarios/index.js';
import { scenarioEnv } from '../../src/scenarios/run.js';

const root = resolve(import.meta.dirname, '../..');

describe('the platform of', () => {
  it('every kept trace is one', () => {
    const files = readdirSync(join(root, 'traces'), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.xpr'))) {
      const { header } = TraceReader.open(bytesSource(readFileSync(join(root, 'traces', file))));
      expect([file, platformMisfit(header.platform)]).toEqual([file, null]);
    }
  });

  it('every scenario and of device trees is one', () => {
    for (const scenario of scenarios) {
      const { platform } = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
      expect([scenario.name, platformMisfit(platform)]).toEqual([scenario.name, null]);
    }
    for (const name of ['fsl-ls1028a-rdb', 'qemu-virt-gicv3-smmuv3', 'soc-shapes']) {
      const tree = readFileSync(join(root, `test/fixtures/dtb/${name}.dtb`));
      expect([name, platformMisfit(platformFromDtb(tree))]).toEqual([name, null]);
    }
  });
});

describe('what is no platform', () => {
  const device = {
    function: functionId(0, bdf(1, 0, 0)),
    name: 'NIC',
    config: new Uint8Array(256),
    writeMask: null,
    clearMask: null,
    present: true,
  };
  const tree = platformFromDtb(twoBridgesDtb());
  const bridge = tree.bridges[0]!;

  it.each<[string, unknown, string]>([
    ['nothing', null, 'platform'],
    ['a list', [], 'platform'],
    ['another machine', { ...tree, arch: 'vax' }, 'platform.arch'],
    ['no functions', { ...tree, functions: undefined }, 'platform.functions'],
    ['functions as a text', { ...tree, functions: 'NIC' }, 'platform.functions'],
    ['a function that is none', { ...tree, functions: [null] }, 'platform.functions[0]'],
    ['a fraction', { ...tree, functions: [{ ...device, function: 0.5 }] }, 'platform.functions[0].function'],
    [
      'a large image',
      { ...tree, functions: [{ ...device, config: new Uint8Array(1 << 20) }] },
      'platform.functions[0].config',
    ],
    [
      'a function of no bridge',
      { ...tree, functions: [{ ...device, function: 2 ** 40 }] },
      'platform.functions[0].function',
    ],
    [
      'a function behind itself',
      { ...tree, functions: [{ ...device, behind: device.function }] },
      'platform.functions[0].behind',
    ],
    [
      'a bridge without a window',
      { ...tree, bridges: [{ ...bridge, cfgBase: null }] },
      'platform.bridges[0].cfgBase',
    ],
    [
      'an entry of a list in a list',
      { ...tree, x86: { ...defaultX86Facts, ownPorts: [[1, 2], [3]] } },
      'platform.x86.ownPorts[1]',
    ],
    [
      'an x86 of endless pins',
      {
        ...tree,
        x86: { ...defaultX86Facts, ioapics: [{ id: 0, version: 0, address: 0, gsiBase: 0, pins: 2 ** 40 }] },
      },
      'platform.x86.ioapics[0].pins',
    ],
  ])('is told by its place: %s', (_what, value, path) => {
    expect(platformMisfit(value)?.path).toBe(path);
  });
});
