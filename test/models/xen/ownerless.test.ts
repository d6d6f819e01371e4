import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/base/errno.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { Host, machine, name, onDevice, pciDevice, usual } from './machine.js';

const ODD = '0000:00:05.0';
const NIC = '0000:00:02.0';
/** The recordings from before this was read in the sources. */
const older = currentBehaviour.filter((number) => number < 15);

/** A device that vPCI of a PVH Dom0 cannot take (header type 2): Xen knows it and no domain has it. */
function ownerless(behaviour: readonly number[]): Host {
  const platform = machine([...usual, { at: ODD, header: 2, absent: true }]);
  const one = new Host({
    platform,
    policies: { iommu: 'off' },
    dom0: 'pvh',
    switches: { xen: '4.22.0' },
    behaviour,
  });
  one.plug(ODD);
  expect(one.physdev('pci_device_add', { ...pciDevice(ODD), flags: 0 })).toBe(-errno.EOPNOTSUPP);
  expect(one.owner(ODD)).toBeNull();
  return one;
}

describe('a device without a domain', () => {
  // xen/drivers/passthrough/pci.c, iommu_remove_device: no domain is -EINVAL; pci_remove_device frees it all the same
  // @RELEASE-4.17.0, RELEASE-4.22.0
  it.each([
    ['now', currentBehaviour, -errno.EINVAL],
    ['in older recordings', older, 0],
  ] as const)('is forgotten by a removal that answers %s', (_, behaviour, ret) => {
    const one = ownerless(behaviour);
    expect(one.physdev('pci_device_remove', pciDevice(ODD))).toBe(ret);
    expect(one.physdev('pci_device_remove', pciDevice(ODD))).toBe(-errno.ENODEV);
  });

  // xen/drivers/pci/physdev.c, PHYSDEVOP_pci_device_reset: write_lock(&pdev->domain->pci_lock) @RELEASE-4.22.0
  it('stops Xen when it is reset; older recordings answer 0', () => {
    const reset = (behaviour: readonly number[]): Host => {
      const one = ownerless(behaviour);
      const args = { dev: pciDevice(ODD), flags: 0 };
      one.engine.step({
        kind: 'hypercall.issued',
        by: 'd0',
        data: { domid: 0 as never, hypercall: 'physdev_op', op: 'pci_device_reset', args },
      });
      return one;
    };
    expect(reset(currentBehaviour).state.xen.panicked).toContain('null pointer');
    expect(reset(older).state.xen.panicked).toBeNull();
  });
});

describe('MSI-X of a virtual function', () => {
  const VF = '0000:07:00.1';
  const PF = '0000:07:00.0';

  function prepared(memoryDecode: boolean, behaviour: readonly number[]): number {
    const sketches = usual.map((one) =>
      one.at === PF ? { ...one, memoryDecode } : one.at === VF ? { ...one, absent: false } : one,
    );
    const platform = machine(sketches);
    const { config } = platform.functions.find((fn) => fn.name === PF)!;
    // NumVFs 2, First VF Offset 1, VF Stride 1.
    for (const [at, value] of [
      [0x110, 2],
      [0x114, 1],
      [0x116, 1],
    ] as const)
      config[at] = value;
    const one = new Host({ platform, behaviour, switches: { xen: '4.22.0' } });
    const physfn = pciDevice(PF);
    one.physdev('pci_device_add', { ...pciDevice(VF), flags: 2, physfn });
    expect(one.state.xen.devices[name(VF)]?.physfn).toBe(name(PF));
    return one.physdev('prepare_msix', pciDevice(VF));
  }

  // xen/arch/x86/msi.c, memory_decoded: PCI_COMMAND of the physical function @RELEASE-4.17.0, RELEASE-4.22.0
  it.each([
    [false, currentBehaviour, -errno.ENXIO],
    [true, currentBehaviour, 0],
    [false, older, 0],
  ] as const)('goes by memory decoding of the physical one, %s', (decodes, behaviour, ret) => {
    expect(prepared(decodes, behaviour)).toBe(ret);
  });
});

// xen/drivers/passthrough/pci.c, assign_device: vpci_deassign_device @RELEASE-4.20.0:1537 before pdev_msix_assign, which
// answers -EBUSY while MASKALL is set; not there @RELEASE-4.17.0 (f20dde9259)
describe('a refused assignment from a PVH Dom0', () => {
  it.each([
    ['4.17.0', currentBehaviour, true],
    ['4.20.0', currentBehaviour, false],
    ['4.22.0', currentBehaviour, false],
    ['4.22.0', older, true],
  ] as const)('under %s keeps the emulation: %#', (xen, behaviour, keeps) => {
    const platform = machine([{ at: NIC, msixEntries: 2, msixMasked: true }]);
    const one = new Host({ platform, dom0: 'pvh', policies: { iommu: 'on' }, switches: { xen }, behaviour });
    one.physdev('pci_device_add', { ...pciDevice(NIC), flags: 0 });
    expect(one.state.vpci.devices[name(NIC)]).toBeDefined();
    expect(one.domctl('assign_device', onDevice(NIC, 3))).toBe(-errno.EBUSY);
    expect(one.state.vpci.devices[name(NIC)] !== undefined).toBe(keeps);
  });
});
