import type { InputKind, TraceEvent } from '../events/catalogue.js';

/** Where the rule that decides an input is written down. A new input kind adds its line here. */
const sources: { readonly [K in InputKind]?: string } = {
  'hypercall.issued': 'Xen hypercall handling, facts/xen 2, 4.2, 7',
  'config.requested': 'configuration access routing, facts/xen 3.2, 5; facts/dom0 5',
  'bridge.probed': 'host-bridge numbering, facts/xen 3.4; facts/dom0 1.3, 1.4',
  'bridge.unbound': 'release of a number, facts/dom0 1.3, 1.4',
  'dma.attempted': 'SMMU look-up order, facts/arm-msi-iommu 6.2',
  'msi.written': 'MSI controller, facts/arm-msi-iommu 3.3',
};

/** Finer sources of single hypercalls. */
const operations: Readonly<Record<string, string>> = {
  pci_device_add: 'pci_add_device, facts/xen 2.4, 3.4',
  pci_device_remove: 'pci_remove_device, facts/xen 2.4',
  pci_device_reset: 'pci_device_reset, facts/xen 2.4',
  pci_host_bridge_add: 'PHYSDEVOP_pci_host_bridge_add (proposed, never merged), facts/xen 13.1',
  assign_device: 'XEN_DOMCTL_assign_device, facts/xen 7.2',
  test_assign_device: 'XEN_DOMCTL_test_assign_device, facts/xen 7.2',
  deassign_device: 'XEN_DOMCTL_deassign_device, facts/xen 7.2',
};

/** The rule that decides what follows from an input, and its source. */
export function decidedBy(event: TraceEvent): string {
  if (event.kind === 'hypercall.issued' && Object.hasOwn(operations, event.data.op))
    return operations[event.data.op]!;
  return sources[event.kind as InputKind] ?? `${event.kind}, docs/events.md`;
}
