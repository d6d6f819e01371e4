import { describe, expect, it } from 'vitest';
import { steWords } from '../../../src/models/hardware/smmu/stream-table.js';
import { sbdf, type XenSbdf } from '../../../src/pci/sbdf.js';
import { readRecord } from '../../../src/pci/smmu-record.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { Bench, DOM0, DOMIO, DOMU, twoBridges } from './bench.js';

const A = 0xa000_0000;
const B = 0xb000_0000;
const before = currentBehaviour.filter((number) => number < 13);
const only = (lines: readonly string[], prefix: string): string[] =>
  lines.filter((text) => text.startsWith(prefix));
const owner = (bench: Bench, segment: number): number | null | undefined =>
  bench.engine.state.xen.devices[sbdf<XenSbdf>(segment, 0x100)]?.owner;

function withSmmuV2(): ReturnType<typeof twoBridges> {
  const platform = twoBridges();
  return {
    ...platform,
    smmus: platform.smmus.map((smmu) => ({ ...smmu, model: 'smmuv2', streamIdBits: 15, twoLevel: false })),
  };
}

/** Both bridges known to Xen, both NICs reported, a guest. */
function booted(bench: Bench): Bench {
  bench.xenProbes(A, B);
  bench.dom0Probes(A, B);
  bench.domain(DOMU, false);
  bench.add(0);
  bench.add(1);
  return bench;
}

// xen/arch/arm/Kconfig and xen/arch/arm/physdev.c @RELEASE-4.20.0 (no HAS_PCI), @RELEASE-4.21.0 (PCI_PASSTHROUGH)
describe('an ARM Xen without PCI', () => {
  it.each([
    ['4.17', { xen: '4.17' }],
    ['4.20.4', { xen: '4.20.4' }],
    ['built without', { 'arm-pci': 'absent' }],
  ] as const)('%s: no bridge, -ENOSYS for reports, -ENODEV for an assignment', (_name, switches) => {
    const bench = new Bench(twoBridges(), { 'pci-passthrough': 'on' }, switches);
    bench.xenProbes(A, B);
    expect(bench.engine.state.xen.bridges).toEqual([]);
    expect(bench.add(0)).toEqual(['returned -ENOSYS']);
    expect(bench.remove(0)).toEqual(['returned -ENOSYS']);
    bench.domain(DOMU, false);
    expect(bench.assign(0, DOMU)).toEqual(['returned -ENODEV']);
    expect(bench.engine.state.xen.devices).toEqual({});
  });

  it('a trace from before 0.3.0 keeps the bridges it had', () => {
    const bench = new Bench(twoBridges(), { 'pci-passthrough': 'on' }, { xen: '4.17' }, before);
    bench.xenProbes(A, B);
    expect(bench.engine.state.xen.bridges).toHaveLength(2);
  });

  // xen/common/domctl path: iommu_do_domctl, -EOPNOTSUPP before anything else.
  it('without an IOMMU an assignment is -EOPNOTSUPP', () => {
    const bench = new Bench(twoBridges(), { iommu: 'off' }, { xen: '4.20' });
    bench.domain(DOMU, false);
    expect(bench.assign(0, DOMU)).toEqual(['returned -EOPNOTSUPP']);
  });
});

// xen/drivers/passthrough/pci.c, iommu_remove_device; smmu-v3.c, arm_smmu_iommu_ops; smmu.c,
// arm_smmu_dt_remove_device_generic @RELEASE-4.22.0
describe('pci_device_remove', () => {
  it('behind an SMMUv3 stops Xen and does not return', () => {
    const bench = booted(new Bench());
    const lines = bench.remove(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^panic .*instruction abort at PC 0.*remove_device \(0001:01:00\.0\)/);
    expect(bench.add(0)).toEqual([]);
  });

  it('of a device in quarantine stops it too', () => {
    const bench = booted(new Bench());
    bench.assign(1, DOMIO);
    expect(only(bench.remove(1), 'panic')).toHaveLength(1);
  });

  it('of a device without a domain is -EINVAL, and the device is gone', () => {
    const bench = new Bench();
    bench.xenProbes(A, B);
    bench.add(42);
    expect(bench.remove(42).at(-1)).toBe('returned -EINVAL');
    expect(bench.remove(42).at(-1)).toBe('returned -ENODEV');
  });

  it('behind an SMMUv2 leaves the stream match programmed', () => {
    const bench = booted(new Bench(withSmmuV2()));
    expect(only(bench.remove(1), 'STE')).toEqual([]);
    expect(
      Object.values(bench.engine.state.iommu.smmus).flatMap(({ streams }) => Object.values(streams)),
    ).toMatchObject([{ config: 'stage2', domid: DOM0 }]);
  });

  it('without an IOMMU goes well', () => {
    const bench = booted(new Bench(twoBridges(), { iommu: 'off', 'pci-passthrough': 'on' }));
    expect(bench.remove(1)).toContain('returned 0');
  });
});

// smmu.c, arm_smmu_attach_dev (-EEXIST), arm_smmu_deassign_dev (-ESRCH), arm_smmu_assign_dev (owner first) @RELEASE-4.22.0
describe('an SMMUv2', () => {
  it('refuses a device that comes straight from Dom0, after it has changed hands', () => {
    const bench = booted(new Bench(withSmmuV2()));
    expect(bench.assign(1, DOMU).at(-1)).toBe('returned -EEXIST');
    expect(owner(bench, 1)).toBe(DOMU);
    expect(bench.deassign(1, DOMU).at(-1)).toBe('returned -ESRCH');
  });

  it('takes it by way of dom_io', () => {
    const bench = booted(new Bench(withSmmuV2()));
    expect(only(bench.assign(1, DOMIO), 'STE')).toEqual(['STE 0x100 fault']);
    expect(bench.assign(1, DOMU).at(-1)).toBe('returned 0');
    expect(bench.deassign(1, DOMU).at(-1)).toBe('returned 0');
  });

  // ARM_SMMU_CB_VMID: the context bank plus one
  it('has VMIDs from 1 on', () => {
    expect(only(booted(new Bench(withSmmuV2())).add(0, 1, 1), 'STE')).toEqual(['STE 0x101 stage2 d0 vmid 1']);
  });
});

// smmu-v3.c, arm_smmu_assign_dev: `if ( !iommu_quarantine ) return 0;` @RELEASE-4.22.0
describe('quarantine=none', () => {
  it('leaves the stream with Dom0 when dom_io gets the device', () => {
    const bench = booted(new Bench(twoBridges(), { quarantine: 'none' }));
    expect(only(bench.assign(1, DOMIO), 'STE')).toEqual([]);
    expect(owner(bench, 1)).toBe(DOMIO);
    expect(only(bench.assign(1, DOMU), 'STE')).toEqual(['STE 0x10100 abort', 'STE 0x10100 stage2 d1 vmid 2']);
    expect(only(bench.deassign(1, DOMU), 'STE')).toEqual(['STE 0x10100 abort']);
  });

  it('with quarantine the stream aborts', () => {
    expect(only(booted(new Bench()).assign(1, DOMIO), 'STE')).toEqual(['STE 0x10100 abort']);
  });
});

// device_tree.c, iommu_add_dt_pci_sideband_ids (-EEXIST while ids are left); smmu-v3.c, arm_smmu_add_device (err_free_master
// keeps them, the refusal frees them) @RELEASE-4.22.0
it('a report that failed at the stream table is -EEXIST when it is made again, and -ERANGE the third time', () => {
  const platform = twoBridges();
  const bench = new Bench({
    ...platform,
    smmus: platform.smmus.map((smmu) => ({ ...smmu, streamIdBits: 16 })),
  });
  bench.xenProbes(A, B);
  expect([1, 2, 3, 4].map(() => bench.add(1).at(-1))).toEqual([
    'returned -ERANGE',
    'returned -EEXIST',
    'returned -ERANGE',
    'returned -EEXIST',
  ]);
});

// pci-host-common.c, pci_host_common_probe: BUG() stands before pci_add_host_bridge @RELEASE-4.22.0
it('a mix of numbered and unnumbered bridges stops Xen before the second is on its list', () => {
  const platform = twoBridges();
  const bench = new Bench({
    ...platform,
    bridges: platform.bridges.map((bridge, i) => ({ ...bridge, pciDomain: i === 0 ? 3 : null })),
  });
  bench.xenProbes(A, B);
  expect(bench.engine.state.xen.bridges).toHaveLength(1);
  expect(bench.engine.state.xen.panicked).toContain('Inconsistent');
});

// smmu-v3.c, arm_smmu_write_strtab_ent: the abort path writes SHCFG, the stage-2 path leaves D1 @RELEASE-4.22.0
it.each(['abort', 'stage2'] as const)('D1 of an entry with %s has SHCFG', (config) => {
  expect(steWords(config, { vmid: 1, vtcr: 0, tableBase: 0 })[1]).toBe('0x0000100000000000');
});

// The record of a write to an unmapped doorbell as QEMU's SMMUv3 has written it: no class, W3 empty.
it('takes an event record without a class', () => {
  expect(
    readRecord(['0x0000010000000010', '0x0000008000000000', '0x0000000008090040', '0x0000000000000000']),
  ).toEqual({ event: 'F_TRANSLATION', streamId: 0x100, access: { dir: 'write', address: 0x8090040 } });
});
