import { type InputKind, isInput, type TraceEvent } from '../events/catalogue.js';

/** Where the rule that decides an input is written down. A missing line does not compile. */
const sources: { readonly [K in InputKind]: string } = {
  'hypercall.issued': 'Xen hypercall handling, facts/xen 2, 4.2, 7',
  'config.requested': 'configuration access routing, facts/xen 3.2, 5; facts/dom0 5',
  'bridge.probed': 'host-bridge numbering, facts/xen 3.4; facts/dom0 1.3, 1.4',
  'bridge.unbound': 'release of a number, facts/dom0 1.3, 1.4',
  'dma.attempted': 'SMMU look-up order, facts/arm-msi-iommu 6.2; doorbells, 9; VT-d, facts/xen 7.2, 10.4',
  'registers.touched': 'page tables, ports and permissions, facts/xen 7.1; docs/models/toolstack.md',
  'iommu.serviced': 'event queue, facts/arm-msi-iommu 5.3 (M3), 6.4',
  'stage2.populated': 'stage 2 of a domain, facts/arm-msi-iommu 6.6',
  'memory.given': 'state only: whose memory it is',
  'msi.written': 'way of a message, facts/arm-msi-iommu 3.3, 4, 5, 6.6, 7.3',
  'msi.raised': 'masking and pending bits, facts/arm-msi-iommu 7.1, 7.2',
  'msi.serviced': 'handlers of NWL, AXI and X-Gene, facts/arm-msi-iommu 5.1, 5.2',
  'msi.ended': 'end of an interrupt, facts/arm-msi-iommu 5.3 (M1)',
  'vector.written': 'trap and force, facts/arm-msi-iommu 5.3 (M1), 7',
  'vector.read': 'trapped reads, facts/arm-msi-iommu 5.3 (M1)',
  'its.commanded': 'virtual ITS, facts/arm-msi-iommu 3.5, 3.6',
  'bridge.stepped': 'initialisation of an NWL bridge, facts/arm-msi-iommu 5.1',
  'model.heard': 'monitor of a device model, facts/q35-qemu 2.8; forwarded errors, 2.9',
  'function.signalled':
    'the way of a message to a root port, facts/arm-msi-iommu 8.3, 8.4; facts/q35-qemu 2.9; facts/xen 13.3',
  'device.reset': 'events of a function that is reset, facts/arm-msi-iommu 5.3',
  'device.plugged': 'state only: a function and its registers, facts/arm-msi-iommu 8.1',
  'device.hung':
    'a function answers with all ones, drivers/pci/pci.c (pci_dev_wait), docs/models/toolstack.md',
  'device.unplugged': 'state only: a function vanishes; what the software knows of it stays',
  'domain.created': 'state only: domain ids, facts/xen 1.4',
  'domain.configured': 'state only: what a guest looks like to accesses, facts/xen 4.5',
  'domain.memory': 'state only: memory features that rule out devices, facts/xen 7.2',
  'domain.dying': 'state only: the id still finds the domain, facts/xen 7.2',
  'domain.destroyed': "release of a domain's devices, facts/xen 7.2",
  'io.requested': 'from a guest instruction to a server, facts/xen 4.4, 4.5; vPCI, facts/xen 5',
  'ioreq.served': 'request state machine and waiting, facts/xen 4.6',
  'ioreq.drained': 'state only: the buffered ring, facts/xen 4.5',
  'broadcast.requested': 'requests to every server, facts/xen 4.6',
  'xen.booted': 'scan of known segments, facts/xen 3.1',
  'xenstore.connected': 'state only: connections to XenStore, docs/models/toolstack.md',
  'xenstore.disconnected':
    'state only: watches and transactions end with their connection, docs/models/toolstack.md',
  'xenstore.requested': 'XenStore: permissions, watches, transactions, docs/models/toolstack.md',
  'xenstore.announced': 'special watches of XenStore, docs/models/toolstack.md',
  'grant.offered': 'state only: an entry of a grant table, facts/xen 1.2',
  'grant.withdrawn': 'state only: an entry of a grant table, facts/xen 1.2',
  'linux.enumerated': 'what Linux tells Xen of a function, facts/dom0 2.1, 2.2',
  'linux.scanned':
    "Linux' numbering of the buses below a bridge, facts/dom0 2.1; drivers/pci/probe.c of Linux",
  'linux.surveyed': "what Linux keeps of firmware's places, arch/x86/pci/i386.c, docs/models/linux.md",
  'linux.driver-probed': 'pci_enable_device, drivers/pci/pci.c, docs/models/linux.md',
  'linux.slot-enabled': 'hot-plug drivers of Linux, docs/models/linux.md',
  'linux.slot-disabled': 'hot-plug drivers of Linux, docs/models/linux.md',
  'linux.forgot': 'state only: Linux drops its object, facts/dom0 2.1',
  'sysfs.requested': 'files below /sys: facts/dom0 4.3 (pciback), 9.1, 11.2 (reset)',
  'pciback.loaded': 'hide= and the devices of pciback, facts/dom0 4.1, 4.2, 4.4',
  'pciback.unloaded': 'devices that pciback gives back, facts/dom0 4.4, 11.4',
  'pciback.woke': 'state machine of the backend, facts/dom0 4.6, 4.7',
  'pcifront.probed': 'state machine of the frontend, facts/dom0 4.7, 6',
  'pcifront.woke': 'state machine of the frontend, facts/dom0 4.7, 6',
  'pcifront.shut-down': 'state machine of the frontend, facts/dom0 4.7, 6',
  'pciif.submitted': 'shared page of pcifront and pciback, facts/dom0 3, 6',
  'pciif.taken': 'shared page of pcifront and pciback, facts/dom0 3',
  'pciif.served': 'operations of pciback, facts/dom0 5 (registers), 7 (MSI)',
  'pciif.expired': 'pcifront waits two seconds, facts/dom0 6',
  'aer.raised': 'pcie_do_recovery of Linux, facts/dom0 6',
  'pcifront.recovered': 'answers of pcifront, facts/dom0 6',
  'aer.expired': 'pciback waits 300 seconds, facts/dom0 6',
  'aer.reported': 'error recovery through pciback, facts/dom0 4.7, 6',
  'guest.suspended': 'shutdown_handler and do_suspend of Linux, docs/models/toolstack.md',
  'guest.resumed': 'xenbus_dev_resume of pcifront, docs/models/toolstack.md',
  'host.slept': 'suspend of the PCI core and enter_state of Xen, docs/models/toolstack.md',
  'host.woke': 'resume of the PCI core, PHYSDEVOP_restore_msi_ext, docs/models/toolstack.md',
  'toolstack.requested': 'xl and libxl, facts/dom0 8',
  'toolstack.stepped': 'xl and libxl, step by step, facts/dom0 8',
  'toolstack.answered': 'answers of the device model over QMP, facts/dom0 8.5, 8.8',
  'toolstack.timed-out': 'waits of libxl, facts/dom0 8.5, 8.8',
  'toolstack.killed': 'state only: what the command had done stays, facts/dom0 8.5',
  'channel.opened': 'state only: files of another hardware domain, facts/dom0 12.3',
  'channel.closed': 'state only: files of another hardware domain, facts/dom0 12.3',
  'system.booted': 'who gets the hardware, facts/dom0 12.3; late_hwdom_init of Xen',
  'hardware.described': 'what Linux tells Xen of a function, facts/dom0 2.1, 12.3',
  'owner.ended': 'end of the hardware domain: hwdom_shutdown of Xen, docs/models/toolstack.md',
  'store.lost': 'C xenstored keeps its tree in memory, docs/models/toolstack.md',
  'static.wanted': 'passthrough nodes, facts/xen 7.4, 12.1; dom0less-build.c of Xen',
  'vchan.offered': 'libxenvchan_server_init; idea of 2020, facts/dom0 12.3',
  'vchan.dialled': 'libxenvchan_client_init; idea of 2020, facts/dom0 12.3',
  'vchan.served': 'requests of the toolstack, docs/models/toolstack.md',
  'vchan.delivered': 'replies to the toolstack, docs/models/toolstack.md',
  'vchan.lost': 'a server that dies closes nothing, docs/models/toolstack.md',
  'vchan.hung-up': 'libxenvchan_close, docs/models/toolstack.md',
  'split.requested': 'split drivers for comparison, docs/models/toolstack.md',
};

/** Finer sources of single hypercalls. */
const operations: Readonly<Record<string, string>> = {
  pci_device_add: 'pci_add_device, facts/xen 2.4, 3.4',
  pci_device_remove: 'pci_remove_device, facts/xen 2.4',
  pci_device_reset: 'pci_device_reset, facts/xen 2.4',
  map_pirq: 'PHYSDEVOP_map_pirq, facts/xen 2.3',
  unmap_pirq: 'PHYSDEVOP_unmap_pirq, facts/xen 2.3',
  setup_gsi: 'mp_register_gsi, docs/models/xen.md',
  pci_mmcfg_reserved: 'pci_mmcfg_reserved, facts/xen 3.3',
  prepare_msix: 'pci_prepare_msix, facts/xen 2.4',
  release_msix: 'pci_prepare_msix, facts/xen 2.4',
  bind_pt_irq: 'XEN_DOMCTL_bind_pt_irq, facts/xen 6.2',
  unbind_pt_irq: 'XEN_DOMCTL_unbind_pt_irq, facts/xen 6.2',
  get_device_group: 'XEN_DOMCTL_get_device_group, facts/xen 1.5, 7.2',
  memory_mapping: 'XEN_DOMCTL_memory_mapping, facts/xen 7.1',
  ioport_mapping: 'XEN_DOMCTL_ioport_mapping, facts/xen 7.1',
  pci_host_bridge_add: 'PHYSDEVOP_pci_host_bridge_add (proposed, never merged), facts/xen 13.1',
  assign_device: 'XEN_DOMCTL_assign_device, facts/xen 7.2',
  test_assign_device: 'XEN_DOMCTL_test_assign_device, facts/xen 7.2',
  shadow_op: 'paging_log_dirty_enable, docs/models/toolstack.md',
  enter_acpi_sleep: 'enter_state, docs/models/toolstack.md',
  deassign_device: 'XEN_DOMCTL_deassign_device, facts/xen 7.2',
};

/** Sources of hypercalls whose operations have no line of their own. */
const hypercalls: Readonly<Record<string, string>> = {
  physdev_op: 'facts/xen 2.1',
  dm_op: 'facts/xen 4.1, 4.2, 4.3',
  domctl: 'facts/xen 7.1',
  sysctl: 'facts/xen 8',
  memory_op: 'facts/xen 1.2, docs/models/xen.md',
  event_channel_op: 'facts/xen 1.2, docs/models/xen.md',
  grant_table_op: 'facts/xen 1.2, docs/models/xen.md',
  hvm_op: 'facts/xen 1.2, docs/models/xen.md',
};

/** The rule that decides what follows from an input, and its source. */
export function decidedBy(event: TraceEvent): string {
  if (event.kind === 'hypercall.issued') {
    const { hypercall, op } = event.data;
    if (Object.hasOwn(operations, op)) return operations[op]!;
    if (Object.hasOwn(hypercalls, hypercall)) return `${op} of ${hypercall}, ${hypercalls[hypercall]!}`;
  }
  return isInput(event) ? sources[event.kind as InputKind] : `${event.kind}, docs/events.md`;
}
