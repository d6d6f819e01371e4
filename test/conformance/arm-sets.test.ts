import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { change, Doctor, drop, type Edit, swap } from './doctored.js';
import type { ConformanceSet } from './row.js';
import { armConfigSet } from './sets/arm-config.js';
import { armSteSet } from './sets/arm-ste.js';
import { armTapSet } from './sets/arm-tap.js';

const runs = ['a422-differ', 'a422-probe', 'a422-mix'];
let doctor: Doctor;

beforeAll(() => {
  doctor = new Doctor('test/fixtures/arm422').unpack(runs);
});
afterAll(() => doctor.discharge());

async function judged(set: ConformanceSet, run: string, file = '', edit: Edit | null = null) {
  const rows = await doctor.rows(set, run, file, edit);
  return {
    total: rows.reduce((sum, row) => sum + row.total, 0),
    mismatched: rows.reduce((sum, row) => sum + row.mismatched, 0),
    unmodelled: rows.reduce((sum, row) => sum + row.unmodelled, 0),
  };
}

describe('recordings of an ARM Xen 4.22', () => {
  it.each<[ConformanceSet, string, number, number]>([
    [armTapSet, 'a422-differ', 47, 0],
    [armTapSet, 'a422-probe', 137, 4],
    [armTapSet, 'a422-mix', 1, 0],
    [armConfigSet, 'a422-differ', 306, 153],
    [armConfigSet, 'a422-probe', 411, 186],
    [armSteSet, 'a422-differ', 66, 2],
    [armSteSet, 'a422-probe', 158, 3],
  ])('%o agrees with %s: %i values, %i of them not modelled', async (set, run, total, unmodelled) => {
    expect(await judged(set, run)).toEqual({ total, mismatched: 0, unmodelled });
  });

  const tap = 'arm-tap.jsonl';
  it.each<[string, ConformanceSet, string, string, Edit]>([
    [
      'an add that failed',
      armTapSet,
      'a422-differ',
      tap,
      change(/"pci_device_add"/, '"ret":0', '"ret":-19', 3),
    ],
    ['an add left out', armTapSet, 'a422-probe', tap, drop(/"physdev_op".*"pci_device_add"/, 5)],
    [
      'an assignment to another domain',
      armTapSet,
      'a422-differ',
      tap,
      change(/"smmu_assign_dev","domain":1,/, '"domain":1', '"domain":2'),
    ],
    [
      'an assignment refused otherwise',
      armTapSet,
      'a422-probe',
      tap,
      change(/"assign_device".*"ret":-16/, '-16', '-19'),
    ],
    [
      'a removal that came back',
      armTapSet,
      'a422-differ',
      tap,
      change(/"pci_device_remove"/, '"noreturn":true', '"ret":0'),
    ],
    ['a boot that went well', armTapSet, 'a422-mix', 'xen-console.log', drop(/Inconsistent/)],
    [
      'a name on the other bridge',
      armConfigSet,
      'a422-differ',
      tap,
      change(/"xen_config_access".*pcie@10000000/, 'pcie@10000000', 'pcie@20000000'),
    ],
    [
      'a window elsewhere',
      armConfigSet,
      'a422-differ',
      tap,
      change(/"xen_config_access"/, '"cfg_base":"0x4010000000"', '"cfg_base":"0x4020000000"', 9),
    ],
    [
      'a bridge not found that is there',
      armConfigSet,
      'a422-probe',
      tap,
      change(/"find_host_bridge"/, '"seg":42', '"seg":1'),
    ],
    [
      'another stream',
      armSteSet,
      'a422-differ',
      tap,
      change(/"smmu_write_ste"/, '"sid":"0x8"', '"sid":"0x9"', 1),
    ],
    ['another VMID', armSteSet, 'a422-differ', tap, change(/"after":.*"vmid":2/, '"vmid":2', '"vmid":3')],
    [
      'another word',
      armSteSet,
      'a422-probe',
      tap,
      change(/"smmu_write_ste"/, /"0x44c359400000001"/, '"0x44c359400000003"', 4),
    ],
    ['a write left out', armSteSet, 'a422-probe', tap, drop(/"smmu_write_ste"/, 3)],
    [
      'two writes the wrong way round',
      armSteSet,
      'a422-differ',
      tap,
      swap(/"sid":"0x8"/, /"sid":"0x10"/, '"sid"'),
    ],
    [
      'a table that kept the stream',
      armSteSet,
      'a422-differ',
      'ste.jsonl',
      change(/"assigned-nic"/, /"vmid": 2/, '"vmid": 1'),
    ],
    [
      'a table with a stream too many',
      armSteSet,
      'a422-differ',
      'ste.jsonl',
      change(/"destroyed"/, '"sid": "0x8"', '"sid": "0x7"'),
    ],
  ])('%s is a mismatch', async (_name, set, run, file, edit) => {
    expect((await judged(set, run, file, edit)).mismatched).toBeGreaterThan(0);
  });
});
