import type { Message } from '../message.js';

const xen = (file: string, name: string): string => `xen: xen/${file}, ${name}, RELEASE-4.22.0`;

/** What Xen prints on request (`xl debug-keys`) and while it maps devices: who has what at a moment. */
export const debugKeyMessages = {
  'key.pci-device': {
    by: 'xen',
    severity: 'note',
    texts: [
      '{device} - d{domid} - node {node:dec} - MSIs < {msis:text} >',
      '{device} - dom {domid} - node {node:dec} - MSIs < {msis:text} >',
      '{device} - dom {domid} - node {node:dec} - MSIs < >',
      '{device} - d{domid} - node {node:dec}',
      '{device} - dom {domid} - node {node:dec}',
      '{device} - DomIO:{pseudo:hex} - node {node:dec}',
      '{device} - d[IO] - node {node:dec}',
    ],
    meaning:
      'Debug key Q: who owns the device in Xen, and the interrupts of its messages. DomIO is the quarantine.',
    source: xen('drivers/passthrough/pci.c', '_dump_pci_devices'),
  },
  'key.msi': {
    by: 'xen',
    severity: 'note',
    texts: [
      '{kind:word} {irq:dec} vec={vector:hex} {mode:word} {trigger:word} {level:word} {dm:word} {rh:word} dest={dest:hex} mask={mask:text}',
      'vec={vector:hex} {mode:word} {trigger:word} {level:word} {dm:word} {rh:word} dest_id={dest:dec} pirq: {pirq:dec}',
      '{entry:dec} vec={vector:hex} {mode:word} {trigger:word} {level:word} {dm:word} {rh:word} dest_id={dest:dec} mask={mask:dec} pirq: {pirq:dec}',
    ],
    meaning:
      'Debug key M: an MSI of the host, or of a guest as vPCI sees it, with vector, destination and mask.',
    source: xen('arch/x86/msi.c', 'cf_check dump_msi'),
  },
  'key.irq': {
    by: 'xen',
    severity: 'note',
    texts: [
      'IRQ: {irq:dec} vec:{vector:hex} {kind:word} status={status:hex} aff:{set:word}/{all:word} in-flight={n:dec} d{domid}:{rest:text}',
      'IRQ: {irq:dec} vec:{vector:hex} {kind:word} status={status:hex} aff:{set:word}/{all:word} mapped, unbound',
      'IRQ: {irq:dec} vec:{vector:hex} {kind:word} status={status:hex} aff:{set:word}/{all:word} {handler:text}',
    ],
    meaning: 'Debug key i: an interrupt of the host, and the domain and pirq it is bound to.',
    source: xen('arch/x86/irq.c', 'dump_irqs'),
  },
  'key.heading': {
    by: 'xen',
    severity: 'note',
    texts: [
      '==== PCI devices ====',
      '==== segment {segment:hex} ====',
      'MSI information:',
      'IRQ information:',
      'vPCI MSI/MSI-X d{domid}',
      '{device} MSI',
      '{device} MSI-X',
      'GSI [{from:hex} - {to:hex}] {rest:text}',
      'PCI {a:hex} ISA {b:hex} ROUTE {rest:text}',
    ],
    meaning: 'A heading of what a debug key prints.',
    source: xen('drivers/passthrough/pci.c', 'cf_check dump_pci_devices'),
  },
  'vtd.mapped': {
    by: 'xen',
    severity: 'note',
    texts: [
      '[VT-D]d{domid}:{kind:word}: map {device}',
      '[VT-D]d{domid}:{kind:word}: unmap {device}',
      '[VT-D]d{who:word}:{kind:word}: map {device}',
      '[VT-D]d{who:word}:{kind:word}: unmap {device}',
      '[VT-D]d{domid}:Hostbridge: skip {device} map',
      '[VT-D]d{domid}:Hostbridge: skip {device} unmap',
      '[VT-D]iommu_enable_translation: iommu->reg = {reg:hex}',
    ],
    meaning: 'VT-d gives a device an entry of a domain, or takes it away.',
    source: xen('drivers/passthrough/vtd/iommu.c', 'domain_context_mapping'),
  },
  'xen.bound-line': {
    by: 'xen',
    severity: 'note',
    texts: [
      'd{domid}: bind: m_gsi={machine:dec} g_gsi={guest:dec} dev={dev:word} intx={pin:dec}',
      'd{domid}: bind: m_gsi={machine:dec} g_gsi={guest:dec}',
      'd{domid}: unbind: m_gsi={machine:dec} g_gsi={guest:dec} dev={dev:word} intx={pin:dec}',
      'd{domid} {what:word} unmap: m_irq={irq:dec} {rest:text}',
      'd{domid} has maximum {n:dec} PIRQs',
    ],
    meaning: 'An interrupt line of the machine is bound to a line of the guest, or no longer.',
    source: xen('drivers/passthrough/x86/hvm.c', 'pt_irq_create_bind, pt_irq_destroy_bind'),
  },
  'vtd.pages': {
    by: 'xen',
    severity: 'note',
    texts: ['Intel VT-d iommu {unit:dec} supported page sizes: {sizes:text}'],
    meaning: 'What an IOMMU unit can do.',
    source: xen('drivers/passthrough/vtd/iommu.c', 'vtd_setup'),
  },
} as const satisfies Record<string, Message>;
