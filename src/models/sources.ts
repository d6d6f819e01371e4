import { kindOf, type TraceEvent } from '../events/catalogue.js';

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
  return kindOf(event.kind).decidedBy ?? `${event.kind}, docs/events.md`;
}
