/*
 * What changed in Linux, as far as the models follow it. A row is added as in xen.ts; mainline is written with its 0,
 * as `6.2.0`.
 */
import type { LinuxRelease } from '../releases.js';
import type { Change } from './change.js';

export const linuxChanges = {
  'assigns-device-tree-buses-in-passes': {
    doc: 'The buses of a device tree are assigned in several passes, giving up room that is only wished for; before, once, with every room as a must.',
    commit: null,
    where: 'drivers/pci/probe.c, pci_host_probe; the tags v6.1 and v6.12',
    first: ['6.11.0'],
  },
  'probe-only-preserves': {
    doc: '`linux,pci-probe-only` keeps windows as firmware left them; before, BARs only were claimed.',
    commit: null,
    where:
      'drivers/pci/of.c, of_pci_preserve_config; the tags v6.1 and v6.12, what lies between counts as 6.1',
    first: ['6.12.0'],
  },
  'refuses-wide-segments': {
    doc: 'A device in a segment above 0xffff is not reported to Xen; before, it was, with the segment cut to 16 bits.',
    commit: null,
    where: 'drivers/xen/pci.c, xen_add_device; the tags v6.12.30, v6.12.31 and v6.15',
    first: ['6.12.31', '6.15.0'],
  },
  'relaxes-window-alignment': {
    doc: 'A bridge window for which no room is left above is sized with relaxed alignment; before, it kept the wide one and failed.',
    commit: null,
    where: 'drivers/pci/setup-bus.c, pbus_size_mem; the tags v6.1 and v6.12, what lies between counts as 6.1',
    first: ['6.12.0'],
  },
  'says-kind-of-device': {
    doc: 'The line of a device found says what it is (`PCIe Endpoint`); before, it ended with the class.',
    commit: null,
    where: 'drivers/pci/probe.c, pci_setup_device; the tags v6.1 and v6.12, what lies between counts as 6.1',
    first: ['6.12.0'],
  },
  'says-resources-the-new-way': {
    doc: "Messages about resources name the BAR or window and say `can't assign; no space`; before, they spoke of `BAR n: no space for`.",
    commit: null,
    where: 'drivers/pci/setup-res.c, pci_assign_resource; the tags v6.1, v6.1.192 and v6.12',
    first: ['6.1.192', '6.12.0'],
  },
  'segments-by-ida': {
    doc: 'Host bridges of a device tree take the lowest free number, properties and free numbers side by side; before, a counter, and a mix was refused.',
    commit: 'c14f7ccc9f',
    where: 'drivers/pci/pci.c, of_pci_bus_find_domain_nr',
    first: ['6.1.136', '6.2.0'],
  },
  'tells-xen-of-resets': {
    doc: 'A Dom0 that is not PV tells Xen of a reset (PHYSDEVOP_pci_device_reset); before, Xen learnt nothing.',
    commit: null,
    where: 'drivers/xen/xen-pciback/pci_stub.c, pcistub_reset_device_state',
    first: ['6.12.0'],
  },
} as const satisfies Record<string, Change<LinuxRelease>>;
