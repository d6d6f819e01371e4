import { describe, expect, it } from 'vitest';
import type { RecordObject } from '../../../src/events/field.js';
import { functions, Machine } from './machine.js';

const NVME = functions.nvme;

/** Result of a creation and its last error. */
function create(
  options: RecordObject,
  policies: Readonly<Record<string, string>> = {},
  devices: string = NVME,
  built: 'pv' | 'hvm' | null = null,
): readonly [number | null, string | undefined] {
  const machine = new Machine({ policies });
  machine.run('assignable-add', null, NVME);
  if (built !== null) machine.guest(1, built, 'guest1');
  const mark = machine.log.length;
  const rc = machine.run('create', 1, devices, options);
  return [
    rc,
    machine
      .trail(mark)
      .findLast((line) => line.startsWith('error: '))
      ?.slice(7),
  ];
}

describe('what libxl checks before it builds a domain (facts/dom0 8.5)', () => {
  it.each<[string, RecordObject, Readonly<Record<string, string>>, string]>([
    ['no IOMMU, PV', { type: 'pv' }, { iommu: 'off' }, 'passthrough not supported on this platform'],
    ['no IOMMU, HVM', { type: 'hvm' }, { iommu: 'off' }, 'passthrough not supported on this platform'],
    ['switched off', { passthrough: 'disabled' }, {}, 'passthrough disabled but devices are specified'],
    ['PVH', { type: 'pvh' }, {}, 'passthrough not yet supported for x86 PVH guests'],
    [
      'shared tables for PV',
      { type: 'pv', passthrough: 'share_pt' },
      {},
      'passthrough="share_pt" not valid for PV domain',
    ],
    [
      'populate on demand',
      { type: 'hvm', memory: 512, maxmem: 1024 },
      {},
      'IOMMU required for device passthrough but not supported together with PoD',
    ],
  ])('refuses: %s', (_name, options, policies, message) => {
    expect(create(options, policies)).toEqual([-6, message]);
  });

  it.each<[string, 'pv' | 'hvm', RecordObject]>([
    ['a PV guest that balloons', 'pv', { memory: 512, maxmem: 1024 }],
    ['an HVM guest with all of its memory', 'hvm', { memory: 1024, maxmem: 1024 }],
    ['separate tables', 'pv', { passthrough: 'sync_pt' }],
  ])('lets through: %s', (_name, type, options) => {
    expect(create(options, {}, NVME, type)[0]).toBe(0);
  });

  it('lets a guest without devices be built where there is no IOMMU', () => {
    expect(create({ type: 'hvm' }, { iommu: 'off' }, '')).toEqual([0, undefined]);
  });
});
