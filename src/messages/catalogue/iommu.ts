import type { Message } from '../message.js';

const vtd = (file: string, name: string): string =>
  `xen: xen/drivers/passthrough/vtd/${file}, ${name}, RELEASE-4.22.0`;
const arm = (file: string, name: string): string =>
  `xen: xen/drivers/passthrough/arm/${file}, ${name}, RELEASE-4.22.0`;

/** What the IOMMU drivers of Xen print. */
export const iommuMessages = {
  'vtd.fault': {
    by: 'xen',
    severity: 'error',
    texts: [
      '[VT-D]DMAR:[{dir:text}] Request device [{device}] fault addr {address:hex}',
      '[VT-D]DMAR:[{dir:text}] Request device [{device}] fault addr {address:hex}, iommu reg = {reg:hex}',
      '[VT-D]iommu.c:{line:dec}: DMAR:[{dir:text}] Request device [{device}] fault addr {address:hex}',
    ],
    meaning:
      'VT-d refused a request of a device: it went to an address its domain does not map for it, or came under a requester id without an entry.',
    cure: 'The line after it names the reason. 02 (context entry not present): the id sends but no domain has it; 05, 06 (no write, no read): the address is not mapped, as reserved memory (RMRR) that firmware did not declare.',
    source: vtd('iommu.c', 'iommu_page_fault_do_one'),
    rules: ['IOM-009', 'IOM-007'],
    scenarios: [
      'pte-write-access-is-not-set',
      'sata-controller-sends-as-function-1',
      'dma-goes-on-after-detach',
    ],
  },
  'vtd.reason': {
    by: 'xen',
    severity: 'error',
    texts: [
      '[VT-D]{kind:word}: reason {reason:hex} - {text:text} on iommu:{unit:dec}',
      '[VT-D]{kind:word}: reason {reason:hex} - {text:text}',
      '[VT-D]DMAR: reason {reason:hex} - {text:text}',
    ],
    meaning: 'Why VT-d refused the request of the line before it.',
    source: vtd('iommu.c', 'iommu_page_fault_do_one'),
    rules: ['IOM-009', 'IOM-007'],
  },
  'vtd.intr-remap': {
    by: 'xen',
    severity: 'error',
    texts: ['[VT-D]INTR-REMAP: Request device [{device}] fault index {index:hex}'],
    meaning: 'Interrupt remapping refused a message of the device.',
    source: vtd('iommu.c', 'iommu_page_fault_do_one'),
    rules: ['MSI-002'],
  },
  'vtd.shared-rmrr': {
    by: 'xen',
    severity: 'error',
    texts: [
      "[VT-D] It's disallowed to assign {device} with shared RMRR at {base:hex} for d{domid}.",
      "[VT-D] It's disallowed to assign {device} with shared RMRR at {base:hex} for Dom{domid}.",
      "[VT-D] It's {how:word} to assign {device} with shared RMRR at {base:hex} for {who:word}.",
    ],
    meaning:
      'Firmware reserves one piece of memory for several devices; Xen gives such a device to no guest unless the policy is relaxed. Dom32753 is dom_io, the quarantine.',
    cure: 'rdm_policy=relaxed for the device (pci=["bb:dd.f,rdm_policy=relaxed"]) where the owner of the machine trusts the guest.',
    source: vtd('iommu.c', 'intel_iommu_assign_device'),
    rules: ['ASG-012'],
    scenarios: ['xc-assign-device-not-permitted', 'failed-attach-leaves-its-grants'],
  },
  'vtd.rmrr-found': {
    by: 'xen',
    severity: 'note',
    texts: [
      '[VT-D]found ACPI_DMAR_{what:word}:',
      '[VT-D] RMRR region: base_addr {base:hex} end_addr {end:hex}',
      '[VT-D]dmar.c:{line:dec}: RMRR region: base_addr {base:hex} end_addr {end:hex}',
      '[VT-D] RMRR: [{base:hex},{end:hex}]',
      '[VT-D]dmar.c:{line:dec}: RMRR: [{base:hex},{end:hex}]',
    ],
    meaning: 'Memory that firmware reserves for devices.',
    source: vtd('dmar.c', 'acpi_parse_one_rmrr'),
  },
  'vtd.scope': {
    by: 'xen',
    severity: 'note',
    texts: [
      '[VT-D] endpoint: {device}',
      '[VT-D] bridge: {device} start={start:hex} sec={sec:hex} sub={sub:hex}',
      '[VT-D] IOAPIC: {device}',
      '[VT-D] MSI HPET: {device}',
      '[VT-D] flags: INCLUDE_ALL',
      '[VT-D] dmaru->address = {address:hex}',
      '[VT-D]drhd->address = {address:hex} iommu->reg = {reg:hex}',
      '[VT-D]cap = {cap:hex} ecap = {ecap:hex}',
    ],
    meaning: 'What the DMAR table says of a unit or of reserved memory.',
    source: vtd('dmar.c', 'acpi_parse_dev_scope'),
  },
  'vtd.rmrr-absent': {
    by: 'xen',
    severity: 'warning',
    texts: [
      "[VT-D] Non-existent device ({device}) is reported in RMRR [{base:hex}, {end:hex}]'s scope!",
      '[VT-D] Ignore RMRR [{base:hex},{end:hex}] as no device under its scope is PCI discoverable!',
      "[VT-D] Non-existent device ({device}) in this DRHD's scope!",
    ],
    meaning: 'Firmware reserves memory for a device that is not there.',
    source: vtd('dmar.c', 'register_one_rmrr'),
  },
  'vtd.features': {
    by: 'xen',
    severity: 'note',
    texts: [
      'Intel VT-d {what:text} {state:word}.',
      'Intel VT-d {what:text} not enabled.',
      'Interrupt remapping enabled',
      'Interrupt remapping disabled',
      'I/O virtualisation enabled',
      'I/O virtualisation disabled',
      ' - Dom0 mode: {mode:word}',
      '- Dom0 mode: {mode:word}',
    ],
    meaning: 'Which parts of the IOMMU Xen uses.',
    source: 'xen: xen/drivers/passthrough/iommu.c, iommu_setup, RELEASE-4.22.0',
  },
  'amd.fault': {
    by: 'xen',
    severity: 'error',
    texts: [
      'AMD-Vi: {event:word}: {device} d{domid} addr {address:hex} flags {flags:hex} {bits:text}',
      'AMD-Vi: {event:word}: {device} d{domid} addr {address:hex} flags {flags:hex}',
      'AMD-Vi: {event:word}: domain = {domid}, device id = {id:hex}, fault address = {address:hex}, flags = {flags:hex}',
    ],
    meaning:
      'AMD-Vi refused a request of a device. IO_PAGE_FAULT: the address is not mapped for it. INVALID_DEV_REQUEST: the id has no entry.',
    cure: 'A device that is with no guest any more and still sends, reserved memory that IVRS does not declare, or a phantom function (pci-phantom=).',
    source: 'xen: xen/drivers/passthrough/amd/iommu_init.c, parse_event_log_entry, RELEASE-4.22.0',
    rules: ['IOM-007'],
  },
  'amd.event': {
    by: 'xen',
    severity: 'error',
    texts: ['AMD-Vi: {event:word}: {a:hex} {b:hex} {c:hex} {d:hex}'],
    meaning: 'A record of the event log of AMD-Vi, word by word.',
    source: 'xen: xen/drivers/passthrough/amd/iommu_init.c, parse_event_log_entry, RELEASE-4.22.0',
  },
  'amd.no-iommu': {
    by: 'xen',
    severity: 'error',
    texts: [
      'AMD-Vi: failed to find IOMMU: {device} cannot be assigned to d{domid}',
      'failed to find IOMMU: {device} cannot be assigned to d{domid}',
      'no IOMMU for {device}; cannot be handed to d{domid}',
      'AMD-Vi: no IOMMU for {device}; cannot be handed to d{domid}',
      '{device} not found in ACPI tables; using same IOMMU as function 0',
    ],
    meaning: 'The IVRS table names no IOMMU for the device.',
    source: 'xen: xen/drivers/passthrough/amd/pci_amd_iommu.c, reassign_device, RELEASE-4.22.0',
  },
  'amd.enabled': {
    by: 'xen',
    severity: 'note',
    texts: [
      'AMD-Vi: IOMMU {n:dec} Enabled.',
      'AMD-Vi: IOMMU Extended Features:',
      'AMD-Vi: Disabled HAP memory map sharing with IOMMU',
    ],
    meaning: 'AMD-Vi is in use.',
    source: 'xen: xen/drivers/passthrough/amd/iommu_init.c, amd_iommu_init_late, RELEASE-4.22.0',
  },
  'smmu.global-fault': {
    by: 'xen',
    severity: 'error',
    texts: ['smmu: {unit:word}: Unexpected global fault, this could be serious'],
    meaning:
      'The SMMU refused a request before it knew whose it was; the line after it tells the cause and the StreamID.',
    source: arm('smmu.c', 'arm_smmu_global_fault'),
    rules: ['IOM-001'],
  },
  'smmu.global-fault-words': {
    by: 'xen',
    severity: 'error',
    texts: ['smmu: {unit:word}: GFSR {gfsr:hex}, GFSYNR0 {syn0:hex}, GFSYNR1 {syn1:hex}, GFSYNR2 {syn2:hex}'],
    meaning:
      'GFSR: bit 0 invalid context, bit 1 unidentified stream, bit 2 stream match conflict, bit 31 several. GFSYNR1 holds the StreamID.',
    cure: 'Unidentified stream: no entry for this StreamID; on ARM before 4.21 Xen programs none for PCI devices. Conflict: two entries match one StreamID, as where two devices share one (Xen before 4.16).',
    source: arm('smmu.c', 'arm_smmu_global_fault'),
    rules: ['IOM-001', 'IOM-005'],
    scenarios: ['two-bridges-smmuv2'],
  },
  'smmu.context-fault': {
    by: 'xen',
    severity: 'error',
    texts: [
      'smmu: {unit:word}: Unhandled context fault: fsr={fsr:hex}, iova={iova:hex}, fsynr={fsynr:hex}, cb={bank:dec}',
    ],
    meaning: "A device of a domain sent a request to an address the domain's tables do not map.",
    source: arm('smmu.c', 'arm_smmu_context_fault'),
    rules: ['IOM-002'],
  },
  'smmu.attached': {
    by: 'xen',
    severity: 'error',
    texts: [
      'smmu: {unit:word}: already attached to IOMMU domain',
      'smmu: {unit:word}: cannot attach to SMMU, is it on the same bus?',
      'smmu: {unit:word}: rejecting multiple registrations for master device',
    ],
    meaning: 'The SMMU code does not take the device: it has a domain already, or no entry.',
    source: arm('smmu.c', 'arm_smmu_attach_dev'),
  },
  'smmuv3.event': {
    by: 'xen',
    severity: 'error',
    texts: ['SMMUv3: {unit:word}: event {event:hex} received:', 'SMMUv3: {unit:word}: {word:hex}'],
    meaning:
      'The SMMU refused a request; four words follow. The upper half of the first is the StreamID. 0x02 bad StreamID, 0x04 bad stream entry, 0x06 transactions off, 0x10 translation fault, 0x13 permission fault.',
    source: arm('smmu-v3.c', 'arm_smmu_evtq_tasklet'),
    rules: ['IOM-001', 'IOM-002'],
    scenarios: ['two-bridges-swapped', 'msi-lost-after-assignment'],
  },
  'arm.inconsistent-domain': {
    by: 'xen',
    severity: 'fatal',
    texts: ['Inconsistent "linux,pci-domain" property in DT'],
    meaning: 'Only some host bridges of the device tree have linux,pci-domain; Xen stops.',
    cure: 'Give every host bridge the property, or none.',
    source: 'xen: xen/arch/arm/pci/pci-host-common.c, pci_bus_find_domain_nr, RELEASE-4.22.0',
    rules: ['SEG-006'],
    scenarios: ['dt-mix-bug'],
  },
  'arm.no-bridge': {
    by: 'xen',
    severity: 'error',
    texts: ['Unable to find PCI bridge for {device}'],
    meaning: 'Xen has no host bridge of that segment and bus.',
    source: 'xen: xen/arch/arm/pci/pci-host-common.c, pci_find_host_bridge_node, RELEASE-4.22.0',
    rules: ['SEG-002'],
    scenarios: ['two-bridges-42-43'],
  },
  'arm.ecam': {
    by: 'xen',
    severity: 'note',
    texts: ['ECAM at [mem {base:hex}-{end:hex}] for [bus {from:hex}-{to:hex}]'],
    meaning: 'Xen found a host bridge and its configuration space.',
    source: 'xen: xen/arch/arm/pci/pci-host-common.c, pci_ecam_init, RELEASE-4.22.0',
  },
  'arm.its-command': {
    by: 'xen',
    severity: 'note',
    texts: [
      'vgic-v3-its.c:{line:dec}:d{domid}v{vcpu:dec} vITS cmd {cmd:hex}: {a:hex} {b:hex} {c:hex} {d:hex}',
      'd{domid}v{vcpu:dec} vITS cmd {cmd:hex}: {a:hex} {b:hex} {c:hex} {d:hex}',
    ],
    meaning:
      'A command of a domain to its virtual ITS. 0x08 MAPD, 0x0a MAPTI, 0x0b MAPI, 0x0c INV, 0x0f DISCARD, 0x05 SYNC. The upper half of the first word is the DeviceID.',
    source: 'xen: xen/arch/arm/vgic-v3-its.c, vgic_its_handle_cmds, RELEASE-4.22.0',
  },
} as const satisfies Record<string, Message>;
