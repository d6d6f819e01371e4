import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/base/errno.js';
import { Host, machine, name, onDevice, pciDevice, usual } from './machine.js';

const NIC = '0000:00:02.0';
const OWN_GSI = { domid: 2, type: 1, index: 16, pirq: -1, bus: 0, devfn: 0, entry_nr: 0, table_base: 0 };
const map = { domain: 2, first_gfn: 0xf4000, first_mfn: 0xfd800, nr_mfns: 1, add_mapping: 1 };

const host = (xen: '4.17.0' | '4.18.0' | '4.19.0' | '4.21.0' | '4.22.0', more = {}): Host =>
  new Host({ switches: { xen }, ...more });

/** Both domains may map what the map names. */
function permitted(one: Host): Host {
  for (const first_mfn of [0xfd800, 0xfd900])
    one.domctl('iomem_permission', { domain: 2, first_mfn, nr_mfns: 1, allow_access: 1 });
  return one;
}

describe('Xen on x86 answers as each release does', () => {
  // xen/arch/x86/physdev.c, physdev_map_pirq: domid == DOMID_SELF @RELEASE-4.17.0; d == current->domain @RELEASE-4.19.0
  it.each([
    ['4.17.0', -errno.EPERM],
    ['4.18.0', -errno.EPERM],
    ['4.19.0', 0],
  ] as const)('map_pirq of an HVM domain under its own number, %s', (xen, ret) => {
    const asked = host(xen).physdev('map_pirq', OWN_GSI, 2);
    if (ret === 0) expect(asked).not.toBe(-errno.EPERM);
    else expect(asked).toBe(ret);
  });

  // xen/common/domctl.c, XEN_DOMCTL_memory_mapping: both domains need the permission, add or not @RELEASE-4.21.0;
  // to add only @RELEASE-4.22.0 (6df6f24251)
  it.each([
    ['4.17.0', -errno.EPERM],
    ['4.21.0', -errno.EPERM],
    ['4.22.0', 0],
  ] as const)('memory_mapping takes away what the domain may not use, %s', (xen, ret) => {
    expect(host(xen).domctl('memory_mapping', { ...map, add_mapping: 0 })).toBe(ret);
  });

  // xen/arch/x86/mm/p2m.c, set_typed_p2m_entry: -EPERM, "GFN … not permitted", domain_crash @RELEASE-4.17.0, 4.22.0
  it.each(['4.17.0', '4.22.0'] as const)(
    'a second mapping onto one guest frame crashes the guest, %s',
    (xen) => {
      const one = permitted(host(xen));
      expect(one.domctl('memory_mapping', map)).toBe(0);
      expect(one.domctl('memory_mapping', map)).toBe(0);
      expect(one.domctl('memory_mapping', { ...map, first_mfn: 0xfd900 })).toBe(-errno.EPERM);
      expect(JSON.stringify(one.state.physmap[2])).not.toContain(String(0xfd900));
    },
  );

  // xen/drivers/passthrough/vtd/iommu.c, domain_context_unmap: default: -EINVAL; pci.c, pci_remove_device: free_pdev all
  // the same @RELEASE-4.22.0. Before behaviour 15 the answer was 0.
  it('a removal of a type that VT-d does not know is -EINVAL, and forgets the device', () => {
    const platform = machine([...usual, { at: '0000:00:05.0', classCode: 0xffff }]);
    const one = host('4.22.0', { platform, policies: { iommu: 'on' } });
    one.physdev('pci_device_add', { ...pciDevice('0000:00:05.0'), flags: 0 });
    expect(one.physdev('pci_device_remove', pciDevice('0000:00:05.0'))).toBe(-errno.EINVAL);
    expect(one.state.xen.devices[name('0000:00:05.0')]).toBeUndefined();
    expect(one.physdev('pci_device_remove', pciDevice('0000:00:05.0'))).toBe(-errno.ENODEV);
  });

  // xen/drivers/passthrough/vtd/iommu.c, intel_iommu_quarantine_init and domain_context_unmap @RELEASE-4.22.0: a host
  // bridge goes to dom_io where that only takes an entry away. Before behaviour 15 every quarantine was -EPERM.
  it.each([
    ['none', 0],
    ['basic', 0],
    ['scratch-page', -errno.EPERM],
  ] as const)('a host bridge into quarantine, quarantine=%s: %i', (quarantine, ret) => {
    const one = host('4.22.0', { policies: { iommu: 'on', quarantine } });
    one.physdev('pci_device_add', { ...pciDevice('0000:00:00.0'), flags: 0 });
    expect(one.domctl('assign_device', onDevice('0000:00:00.0', 0x7ff1))).toBe(ret);
  });

  // xen/drivers/passthrough/pci.c, assign_device: vpci_deassign_device before anything can refuse @RELEASE-4.20.0;
  // not at all @RELEASE-4.17.0 (f20dde9259)
  it.each([
    ['4.17.0', true],
    ['4.19.0', false],
  ] as const)(
    'a device that leaves a PVH hardware domain keeps its emulation there, %s: %s',
    (xen, keeps) => {
      const one = host(xen, { dom0: 'pvh', policies: { iommu: 'on' } });
      one.physdev('pci_device_add', { ...pciDevice(NIC), flags: 0 });
      const had = one.state.vpci.devices[name(NIC)] !== undefined;
      expect(had).toBe(true);
      one.domctl('assign_device', onDevice(NIC, 0x7ff1));
      expect(one.state.vpci.devices[name(NIC)] !== undefined).toBe(keeps);
    },
  );
});
