import type { Message } from '../message.js';

/** What Linux prints of the machine's PCI at boot: how configuration space is reached, windows, interrupt routing. */
export const linuxPlatformMessages = {
  'pci.mmconfig': {
    by: 'linux',
    severity: 'note',
    texts: [
      'PCI: MMCONFIG for domain {segment:hex} [bus {from:hex}-{to:hex}] at [mem {at:text}] (base {base:hex})',
      'PCI: ECAM [mem {at:text}] (base {base:hex}) for domain {segment:hex} [bus {from:hex}-{to:hex}]',
      'PCI: MMCONFIG at [mem {at:text}] reserved {rest:text}',
      'PCI: ECAM [mem {at:text}] reserved {rest:text}',
      'PCI: Using configuration type {type:dec} for {rest:text}',
    ],
    meaning: 'How the kernel reaches configuration space: the memory window of the MCFG table, or ports.',
    source: 'linux: arch/x86/pci/mmconfig-shared.c, pci_mmconfig_add, v6.12',
  },
  'pci.acpi-root': {
    by: 'linux',
    severity: 'note',
    texts: [
      'ACPI: PCI Root Bridge [{name:word}] (domain {segment:hex} [bus {from:hex}-{to:hex}])',
      'acpi {name:word}: _OSC: {rest:text}',
      'PCI: Using host bridge windows from ACPI; if necessary, use "pci=nocrs" and report a bug',
      'PCI: Using E820 reservations for host bridge windows',
      'PCI: Using ACPI for IRQ routing',
      'PCI: pci_cache_line_size set to {n:dec} bytes',
      'PCI: CLS {n:dec} bytes, default {m:dec}',
      '[mem {at:text}] available for PCI devices',
      'pci_bus {bus:word}: extended config space not accessible',
    ],
    meaning: 'A host bridge as ACPI describes it, and what firmware leaves to the kernel.',
    source: 'linux: drivers/acpi/pci_root.c, acpi_pci_root_add, v6.12',
  },
  'pci.acpi-line': {
    by: 'linux',
    severity: 'note',
    texts: [
      'ACPI: PCI: Interrupt link {name:word} configured for IRQ {irq:dec}',
      'ACPI: PCI Interrupt Link [{name:word}] (IRQs {rest:text}',
      'ACPI: {name:word}: Enabled at IRQ {irq:dec}',
      'IOAPIC[{n:dec}]: apic_id {id:dec}, version {version:dec}, address {address:hex}, GSI {from:dec}-{to:dec}',
    ],
    meaning: 'How interrupt lines are routed.',
    source: 'linux: drivers/acpi/pci_link.c, acpi_pci_link_set, v6.12',
  },
  'pci.port-service': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: [
      'PME: Signaling with IRQ {irq:dec}',
      'AER: enabled with IRQ {irq:dec}',
      'pciehp: Slot #{slot:dec} {rest:text}',
      'quirk: [{what:text}] claimed by {who:text}',
    ],
    meaning: 'A service of a port, and its interrupt.',
    source: 'linux: drivers/pci/pcie/portdrv.c, pcie_portdrv_probe, v6.12',
  },
  'shpc.failed': {
    by: 'linux',
    severity: 'warning',
    ofDevice: true,
    texts: [
      'pci_hp_register failed with error {errno}',
      'Slot initialization failed',
      'HPC vendor_id {vendor:hex} device_id {device_id:hex} ss_vid {sub:hex} ss_did {sub_device:hex}',
      'shpchp: Standard Hot Plug PCI Controller Driver version: {version:word}',
      'acpiphp: ACPI Hot Plug PCI Controller Driver version: {version:word}',
    ],
    meaning: 'A hot-plug controller; -16 says that another driver has the slot already, which is harmless.',
    source: 'linux: drivers/pci/hotplug/shpchp_core.c, init_slots, v6.12',
  },
  'iommu.mode': {
    by: 'linux',
    severity: 'note',
    texts: [
      'iommu: Default domain type: {type:text}',
      'iommu: DMA domain TLB invalidation policy: {policy:text}',
      'PCI-DMA: Using software bounce buffering for IO (SWIOTLB)',
      'AMD-Vi: AMD IOMMUv2 functionality not available on this system - This is not a bug.',
    ],
    meaning:
      'How the kernel maps memory for devices. Under Xen the hypervisor has the IOMMU, so Linux sees none.',
    source: 'linux: drivers/iommu/iommu.c, iommu_subsys_init, v6.12',
  },
  'driver.bound': {
    by: 'linux',
    severity: 'note',
    texts: [
      'nvme {name:word}: pci function {device}',
      'xhci_hcd {device}: xHCI Host Controller',
      'xhci_hcd {device}: new USB bus registered, assigned bus number {n:dec}',
      'ahci {device}: {rest:text}',
    ],
    meaning: 'A driver has taken the device.',
    source: 'linux: drivers/nvme/host/pci.c, nvme_probe, v6.12',
  },
} as const satisfies Record<string, Message>;
