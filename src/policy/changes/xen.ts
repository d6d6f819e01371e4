/*
 * What changed in Xen, as far as the models follow it. To add a change:
 *   1. a row below: `first` holds the first release of each branch that carries it (mainline as `4.21.0`; in a clone of
 *      Xen, `git tag --contains COMMIT` and, for each stable branch, `git log --grep "master commit: COMMIT"`);
 *   2. the model asks `has(context.env, 'the-name')` and never compares releases itself;
 *   3. where a finished release of xpr decided otherwise, `before` says how its traces are decided;
 *   4. a test of the model, before and after; `npm run docs` writes docs/policies.md.
 * A row no model asks for fails test/policy/changes.test.ts.
 */
import type { XenMinor, XenPoint } from '../releases.js';
import type { Change } from './change.js';

/** A release a change may come with: published, or the first of the next minor. */
export type XenFirst = XenPoint | `${XenMinor}.0`;

const table = 'releases-by-point';

export const xenChanges = {
  'arm-knows-pci': {
    doc: 'Xen on ARM can be built with PCI (CONFIG_PCI_PASSTHROUGH): host bridges, physdev operations, streams of the SMMUs; before, every physdev operation is -ENOSYS and an assignment -ENODEV.',
    commit: '163c6b5898',
    where: 'xen/arch/arm/Kconfig, PCI_PASSTHROUGH; xen/arch/arm/physdev.c, do_arm_physdev_op',
    first: ['4.21.0'],
    before: { lacking: 'arm-as-it-runs', since: 'always' },
  },
  'arm-pci-by-iommu-alone': {
    doc: 'An ARM Xen takes devices of Dom0 as soon as an IOMMU is on; before, only with pci-passthrough=on.',
    commit: 'd5b6d4bc19',
    where: 'xen/drivers/pci/physdev.c, pci_physdev_op',
    first: ['4.21.0'],
  },
  'domctl-getdomaininfo-exact': {
    doc: 'XEN_DOMCTL_getdomaininfo answers for the domain asked for alone; before, for the first one of at least that number.',
    commit: '31c6554974',
    where: 'xen/common/domctl.c, do_domctl',
    first: ['4.18.0'],
  },
  'domctl-gsi-permission': {
    doc: 'XEN_DOMCTL_gsi_permission is there; before, -ENOSYS.',
    commit: 'd6e9a2aab3',
    where: 'xen/arch/x86/domctl.c, arch_do_domctl',
    first: ['4.20.0'],
  },
  'hvm-maps-pirqs-freely': {
    doc: 'HVM domains without the PIRQ feature reach map_pirq and unmap_pirq; before, -ENOSYS.',
    commit: '035baa203b',
    where: 'xen/arch/x86/hvm/hypercall.c, hvm_physdev_op',
    first: ['4.20.0'],
  },
  'ioreq-legacy-frames-free': {
    doc: 'The legacy frames of a guest are handed out while they are free; before, the test was turned round and gave out those that were taken.',
    commit: '282ed258a5',
    where: 'xen/arch/x86/hvm/ioreq.c, hvm_alloc_legacy_ioreq_gfn',
    first: ['4.19.4', '4.20.2', '4.21.0'],
  },
  'libxl-hvm-detach-revokes': {
    doc: 'A detach from an HVM guest takes back what the guest may reach; before, permissions stayed.',
    commit: '39113a8a23',
    where: 'tools/libs/light/libxl_pci.c, pci_remove_detached',
    first: ['4.18.0'],
  },
  'libxl-maps-gsis': {
    doc: 'The toolstack of a PVH Dom0 maps and permits GSIs; before, it took the interrupt for a pirq.',
    commit: 'f97f885c71',
    where: 'tools/libs/light/libxl_arch.h, libxl__arch_hvm_map_gsi',
    first: ['4.20.0'],
  },
  'libxl-whole-bar-addresses': {
    doc: 'A detach takes back memory above 4 GiB too (XSA-476); before, libxl cut addresses to 32 bits and the guest kept its permission.',
    commit: '421432b822',
    where: 'tools/libs/light/libxl_pci.c, pci_remove_detached',
    first: ['4.17.6', '4.18.6', '4.19.4', '4.20.2', '4.21.0'],
    before: { lacking: table, since: '4.21.0' },
  },
  'physdev-pci-device-reset': {
    doc: 'PHYSDEVOP_pci_device_reset is there; before, -ENOSYS.',
    commit: '9a2d7b5bb6',
    where: 'xen/drivers/pci/physdev.c, pci_physdev_op',
    first: ['4.20.0'],
  },
  'setup-gsi-for-pvh': {
    doc: 'A PVH hardware domain reaches PHYSDEVOP_setup_gsi; before, -ENOSYS.',
    commit: '43a1f8b38e',
    where: 'xen/arch/x86/hvm/hypercall.c, hvm_physdev_op',
    first: ['4.20.0'],
  },
  'sriov-links': {
    doc: 'Xen knows which virtual functions belong to a physical one: it refuses to remove that one before them, and a virtual function whose physical one cannot be added; before, it minded neither.',
    commit: '4e18a39056',
    where: 'xen/drivers/passthrough/pci.c, pci_add_device',
    first: ['4.19.1', '4.20.0'],
  },
  'sriov-unknown-physical-refused': {
    doc: 'A virtual function of an unknown physical one is refused (-ENODEV); before, Xen added the physical one itself.',
    commit: '8fe330a4da',
    where: 'xen/drivers/passthrough/pci.c, pci_add_device',
    first: ['4.20.0'],
  },
  'vpci-checks-msix-table': {
    doc: 'The MSI-X table must lie inside a memory BAR; before, vPCI took what the capability said.',
    commit: '53859596c0',
    where: 'xen/drivers/vpci/msix.c, init_msix',
    first: ['4.19.4', '4.20.2', '4.21.0'],
  },
  'vpci-guests': {
    doc: 'vPCI serves unprivileged domains: masks, a command register and BARs of their own; before, they were handled like the hardware domain.',
    commit: '8c5bca7074',
    where: 'xen/drivers/vpci/header.c, init_header',
    first: ['4.19.0'],
  },
  'vpci-header-first': {
    doc: 'Set-up begins with the header; before, with MSI-X.',
    commit: 'd830b0a7bc',
    where: 'xen/drivers/vpci/msix.c, REGISTER_VPCI_INIT',
    first: ['4.19.0'],
  },
  'vpci-hidden-devices': {
    doc: 'Devices of dom_xen answer the hardware domain through vPCI; before, it reached them raw.',
    commit: '465217b0f8',
    where: 'xen/drivers/vpci/vpci.c, vpci_read',
    first: ['4.18.0'],
  },
  'vpci-hides-failed-capabilities': {
    doc: 'A capability that cannot be set up leaves the list; before, it failed the device.',
    commit: '4bd1ee8534',
    where: 'xen/drivers/vpci/vpci.c, vpci_init_capabilities',
    first: ['4.21.0'],
  },
  'vpci-keeps-device-on-map-failure': {
    doc: 'A mapping that fails leaves memory decode off; before, it took the device out of vPCI.',
    commit: '622bdd9628',
    where: 'xen/drivers/vpci/header.c, vpci_process_pending',
    first: ['4.19.0'],
  },
  'vpci-locks-failed-capabilities': {
    doc: 'The hardware domain finds the control word of a hidden MSI or MSI-X capability read-only; before, it could switch it on.',
    commit: '5a733e438f',
    where: 'xen/drivers/vpci/msix.c, cleanup_msix',
    first: ['4.22.0'],
  },
  'vpci-maps-around-host-memory': {
    doc: 'Of a BAR on memory of the host what is left is mapped; before, the whole BAR stayed unmapped.',
    commit: '4acab25a93',
    where: 'xen/drivers/vpci/header.c, modify_bars',
    first: ['4.19.3', '4.20.1', '4.21.0'],
  },
  'vpci-resizable-bars': {
    doc: 'vPCI knows resizable BARs; before, the registers reached hardware.',
    commit: '6ce1066599',
    where: 'xen/drivers/vpci/rebar.c, init_rebar',
    first: ['4.21.0'],
  },
  'vpci-status-through-masks': {
    doc: "STATUS of the hardware domain goes through masks, until vPCI stores its capability list; before, it is the hardware's.",
    commit: 'a3c8fb450a',
    where: 'xen/drivers/vpci/header.c, init_header',
    first: ['4.19.0'],
  },
  'vpci-stores-capability-lists': {
    doc: "The hardware domain's capability list is answered from what was found at set-up, and STATUS from hardware again; before, the list was the hardware's.",
    commit: '4df04b27d3',
    where: 'xen/drivers/vpci/header.c, vpci_init_capability_list',
    first: ['4.21.0'],
  },
  'domctl-unmaps-memory-without-permission': {
    doc: 'XEN_DOMCTL_memory_mapping asks for the permission of the domain only to add a mapping; before, to remove one as well, and of PV domains too.',
    commit: '6df6f24251',
    where: 'xen/common/domctl.c, do_domctl',
    first: ['4.22.0'],
    before: { lacking: 'xen-as-released', since: 'always' },
  },
  'dom0-pf-fixup': {
    doc: 'Memory that a PVH hardware domain touches and Xen has not mapped is mapped, and the access tried again; before, nobody answers.',
    commit: 'fa8687810a',
    where: 'xen/arch/x86/hvm/emulate.c, hvmemul_do_io',
    first: ['4.22.0'],
    before: { lacking: 'xen-as-released', since: 'always' },
  },
  'map-pirq-own-number': {
    doc: 'An HVM domain that names itself by its number in map_pirq and unmap_pirq speaks of its own interrupts; before, only DOMID_SELF did.',
    commit: '401448f2d1',
    where: 'xen/arch/x86/physdev.c, physdev_map_pirq',
    first: ['4.19.0'],
    before: { lacking: 'xen-as-released', since: 'always' },
  },
  'vpci-follows-owner': {
    doc: 'An assignment takes the emulation from the old owner and gives it to the new one; before, neither.',
    commit: 'f20dde9259',
    where: 'xen/drivers/passthrough/pci.c, assign_device',
    first: ['4.19.0'],
    before: { lacking: 'xen-as-released', since: 'always' },
  },
  'vpci-checks-extended-config': {
    doc: 'A function without extended configuration space has no list there; before, nobody asked.',
    commit: '873c3db6d2',
    where: 'xen/drivers/vpci/header.c, vpci_init_ext_capability_list',
    first: ['4.22.0'],
    before: { lacking: 'xen-as-released', since: 'always' },
  },
  'vpci-rebuilds-at-mmcfg': {
    doc: 'Lists of extended capabilities are built anew when the hardware domain reports an MMCFG window; before, they stayed.',
    commit: 'd734babf8b',
    where: 'xen/arch/x86/physdev.c, do_physdev_op (PHYSDEVOP_pci_mmcfg_reserved)',
    first: ['4.22.0'],
    before: { lacking: 'xen-as-released', since: 'always' },
  },
  'xenstored-forgets-dead-domains': {
    doc: 'With a domain C xenstored takes its rights out of the nodes of others; before, a later domain of that number found them.',
    commit: 'cdbcfd5d05',
    where: 'tools/xenstored/domain.c, domain_tree_remove_sub',
    first: ['4.22.0'],
    before: { lacking: 'xen-as-released', since: 'never' },
  },
} as const satisfies Record<string, Change<XenFirst>>;
