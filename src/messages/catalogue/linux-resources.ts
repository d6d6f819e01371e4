import type { Message } from '../message.js';

const setup = (name: string): string => `linux: drivers/pci/${name}, v6.12`;

/** What Linux prints while it finds devices and gives them addresses: notes that tell what the machine is. */
export const linuxResourceMessages = {
  'pci.root-bus': {
    by: 'linux',
    severity: 'note',
    texts: ['PCI host bridge to bus {bus:word}', '{bridge:word}: PCI host bridge to bus {bus:word}'],
    meaning: 'A host bridge; the first part of the name is the domain (segment) Linux gave it.',
    source: setup('probe.c, pci_register_host_bridge'),
  },
  'pci.root-resource': {
    by: 'linux',
    severity: 'note',
    texts: [
      'pci_bus {bus:word}: root bus resource [{what:text}] (bus address [{at:text}])',
      'pci_bus {bus:word}: root bus resource [{what:text}]',
    ],
    meaning: 'A window of a host bridge.',
    source: setup('probe.c, pci_register_host_bridge'),
  },
  'pci.found': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: [
      '[{vendor:hex}:{device_id:hex}] type {type:hex} class {class:hex} {kind:text}',
      '[{vendor:hex}:{device_id:hex}] type {type:hex} class {class:hex}',
    ],
    meaning: 'A function the scan found: vendor, device, header type and class.',
    source: setup('probe.c, pci_setup_device'),
  },
  'pci.bar': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: [
      'BAR {bar:dec} [{what:text}]',
      'reg {reg:hex}: [{what:text}]',
      'ROM [{what:text}]',
      'VF BAR {bar:dec} [{what:text}]',
    ],
    meaning: 'A BAR as the kernel found it.',
    source: setup('probe.c, __pci_read_base'),
  },
  'pci.assigned': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: [
      'BAR {bar:dec} [{what:text}]: assigned',
      'BAR {bar:dec}: assigned [{what:text}]',
      'bridge window [{what:text}]: assigned',
      'ROM [{what:text}]: assigned',
      'VF BAR {bar:dec} [{what:text}]: assigned',
    ],
    meaning: 'The kernel gave a BAR or a window an address.',
    source: setup('setup-res.c, pci_assign_resource'),
  },
  'pci.bridge': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: ['PCI bridge to [{bus:text}]', 'bridge window [{what:text}]'],
    meaning: 'The buses and windows of a bridge.',
    source: setup('setup-bus.c, pci_setup_bridge'),
  },
  'pci.window-size': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: [
      'bridge window [{what:text}] to [{bus:text}] add_size {size:hex} add_align {align:hex}',
      'bridge window [{what:text}] to [{bus:text}] add_size {size:hex}',
    ],
    meaning: 'The kernel keeps room in a window for devices that may come.',
    source: setup('setup-bus.c, pbus_size_mem'),
  },
  'pci.retry': {
    by: 'linux',
    severity: 'warning',
    texts: [
      'pci_bus {bus:word}: max bus depth: {depth:dec} pci_try_num: {n:dec}',
      'pci_bus {bus:word}: No. {n:dec} try to assign unassigned res',
      'PCI: No. {n:dec} try to assign unassigned res',
    ],
    meaning: 'Not every BAR found room at the first try; the kernel takes windows apart and tries again.',
    source: setup('setup-bus.c, pci_assign_unassigned_root_bus_resources'),
  },
  'pci.unassigned': {
    by: 'linux',
    severity: 'warning',
    texts: ['pci_bus {bus:word}: Some PCI device resources are unassigned, try booting with pci=realloc'],
    meaning: 'Some BARs have no address; pci=realloc lets the kernel take the windows of firmware apart.',
    source: setup('setup-bus.c, pci_assign_unassigned_root_bus_resources'),
    rules: ['BRG-001'],
  },
  'pci.released': {
    by: 'linux',
    severity: 'note',
    ofDevice: true,
    texts: ['resource {n:dec} [{what:text}] released'],
    meaning: 'The kernel took a window apart to place it anew.',
    source: setup('setup-bus.c, pci_bridge_release_resources'),
  },
  'pci.bus-resource': {
    by: 'linux',
    severity: 'note',
    texts: [
      'pci_bus {bus:word}: resource {n:dec} [{what:text}]',
      'pci_bus {bus:word}: busn_res: [{range:text}] end is updated to {end:hex}',
      'pci_bus {bus:word}: busn_res: [{range:text}] is released',
    ],
    meaning: 'The addresses and numbers of a bus.',
    source: setup('setup-bus.c, pci_bus_dump_resources'),
  },
} as const satisfies Record<string, Message>;
