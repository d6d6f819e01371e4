import type { Message } from '../message.js';

const pt = (file: string, name: string): string => `qemu: hw/xen/${file}, ${name}, v10.2.0`;

/** What QEMU prints of passed-through devices, and hvmloader of a guest's PCI bus. */
export const qemuMessages = {
  'xen_pt.assigning': {
    by: 'qemu',
    severity: 'note',
    texts: ['xen_pt_realize: Assigning real physical device {device} to devfn {devfn:hex}'],
    meaning: 'QEMU takes a device of the host and shows it to the guest in that slot.',
    source: pt('xen_pt.c', 'xen_pt_realize'),
  },
  'xen_pt.registered': {
    by: 'qemu',
    severity: 'note',
    texts: ['xen_pt_realize: Real physical device {device} registered successfully'],
    meaning: 'The guest has the device.',
    source: pt('xen_pt.c', 'xen_pt_realize'),
  },
  'xen_pt.region': {
    by: 'qemu',
    severity: 'note',
    texts: [
      'xen_pt_register_regions: IO region {n:dec} registered (size={size:hex} base_addr={base:hex} type: {type:hex})',
      'xen_pt_register_regions: Expansion ROM registered (size={size:hex} base_addr={base:hex})',
    ],
    meaning: "A BAR of the host's device that the guest may place.",
    source: pt('xen_pt.c', 'xen_pt_register_regions'),
  },
  'xen_pt.mismatch': {
    by: 'qemu',
    severity: 'note',
    texts: [
      'xen_pt_config_reg_init: Offset {offset:hex} mismatch! Emulated={emulated:hex}, host={host:hex}, syncing to {value:hex}.',
    ],
    meaning: "QEMU takes the host's value of a register it emulates; healthy starts print several.",
    source: pt('xen_pt_config_init.c', 'xen_pt_config_reg_init'),
  },
  'xen_pt.intx': {
    by: 'qemu',
    severity: 'note',
    texts: ['xen_pt_pci_intx: intx={n:dec}'],
    meaning: 'The interrupt pin of the device.',
    source: pt('xen_pt.h', 'xen_pt_pci_intx'),
  },
  'xen_pt.map-failed': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'xen_pt_region_update: Error: {action:word} {old:word} mem mapping failed! (err: {errno})',
      'xen_pt_region_update: Error: create new {kind:word} mapping failed! (err: {errno})',
      'xen_pt_region_update: Error: remove old {kind:word} mapping failed! (err: {errno})',
    ],
    meaning:
      'Xen refused to map (or unmap) a BAR into the guest. err 1 (EPERM): the frame has another mapping already, as where firmware packs small BARs of two devices into one page.',
    cure: "xl dmesg names the frame (GFN … not permitted, memory_map:fail). A BAR smaller than a page must not share its page with another device's.",
    source: pt('xen_pt.c', 'xen_pt_region_update'),
    rules: ['ASG-013'],
    scenarios: ['two-devices-in-one-page'],
  },
  'xen_pt.inhibited': {
    by: 'qemu',
    severity: 'warning',
    texts: ['Write-back to unknown field {field:hex} (partially) inhibited ({mask:hex})'],
    meaning:
      'The guest wrote a register that QEMU does not know; without permissive the write does not reach the device. Printed once per device.',
    source: pt('xen_pt.c', 'xen_pt_pci_write_config'),
    rules: ['ASG-008'],
  },
  'xen_pt.try-permissive': {
    by: 'qemu',
    severity: 'note',
    texts: [
      "If the device doesn't work, try enabling permissive mode",
      '(unsafe) and if it helps report the problem to xen-devel',
    ],
    meaning: 'Goes with the line before it.',
    source: pt('xen_pt.c', 'xen_pt_pci_write_config'),
  },
  'xen_pt.msix-map-failed': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'msi_msix_setup: Error: Mapping of MSI{x:word} (err: {errno}, vec: {vector:hex}, entry {entry:hex})',
      'Mapping of MSI{x:word} (rc: {errno}, vec: {vector:hex}, entry {entry:hex})',
      'msi_msix_setup: Error: Mapping of MSI (err: {errno}, vec: {vector:hex}, entry {entry:hex})',
    ],
    meaning:
      'Xen gave no pirq for a message of the device. err 61 (ENODATA): the MSI-X table was never prepared by pciback. err 16 (EBUSY): MSI or MSI-X is in use already. err 28: no pirqs left.',
    cure: 'err 61: the hardware domain\'s log has "MSI-X preparation failed" for this device; a detach, a rescan and a new pci-assignable-add prepare it.',
    source: pt('xen_pt_msi.c', 'msi_msix_setup'),
  },
  'xen_pt.msi-update-failed': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'msi_msix_update: Error: Updating of MSI{x:word} failed. (err: {errno})',
      'Updating of MSI{x:word} failed. (rc: {errno})',
    ],
    meaning: 'Xen did not bind the interrupt of the device to the vector the guest chose.',
    source: pt('xen_pt_msi.c', 'msi_msix_update'),
  },
  'xen_pt.msix-enabled': {
    by: 'qemu',
    severity: 'error',
    texts: [
      "Can't update msix entry {entry:dec} since MSI-X is already enabled ({mask:hex}).",
      "pci_msix_write: Error: Can't update msix entry {entry:dec} since MSI-X is already enabled ({mask:hex}).",
      "Can't update msix entry {entry:dec} since MSI-X is already enabled.",
    ],
    meaning: 'The guest wrote an entry of the MSI-X table that is not masked; the write does nothing.',
    source: pt('xen_pt_msi.c', 'pci_msix_write'),
  },
  'xen_pt.bar-through-qemu': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'xen_pt_bar_read: Error: Should not read BAR through QEMU. @{address:hex}',
      'xen_pt_bar_write: Error: Should not write BAR through QEMU. @{address:hex}',
      'Should not read BAR through QEMU. @{address:hex}',
      'Should not write BAR through QEMU. @{address:hex}',
    ],
    meaning: 'An access to a BAR of the device came to QEMU: Xen has no mapping for it.',
    cure: 'The mapping failed before (see above), or the access is to the page of the MSI-X table.',
    source: pt('xen_pt.c', 'xen_pt_bar_read, xen_pt_bar_write'),
  },
  'xen_pt.realize-open': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'Failed to open the host PCI device: {reason:text}',
      "Could not open '{path:word}': {reason:text}",
      'xen_pt_realize: Error: Failed to "open" the real pci device.',
    ],
    meaning: 'QEMU cannot open the files of the device: it is not in the domain QEMU runs in.',
    source: pt('xen_pt.c', 'xen_pt_realize'),
    scenarios: ['device-model-cannot-open-config', 'qemu-without-the-hardware', 'retrying-pci-add'],
  },
  'xen_pt.igd': {
    by: 'qemu',
    severity: 'error',
    texts: ["Need to enable igd-passthru if you're trying to passthrough IGD GFX"],
    meaning:
      'An Intel graphics device at 00:02.0 is passed through, and the guest has no gfx_passthru="igd".',
    cure: 'gfx_passthru="igd", or put the device at another address of the guest.',
    source: pt('xen_pt.c', 'xen_pt_realize'),
  },
  'xen_pt.intx-bind': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'Binding of interrupt {irq:dec} failed: {reason:text}',
      'xen_pt_realize: Error: Binding of interrupt {irq:dec} failed! (err: {errno})',
      'Binding of interrupt {irq:dec} failed! (err: {errno})',
    ],
    meaning: 'Xen did not bind the interrupt line of the device for the guest.',
    cure: 'A device whose interrupt line register says 0 has no line (or ACPI routes it elsewhere): cat /sys/bus/pci/devices/<device>/irq, lspci -vv, and `xl dmesg` of the moment tell which.',
    source: pt('xen_pt.c', 'xen_pt_realize'),
  },
  'xen_pt.intx-map': {
    by: 'qemu',
    severity: 'error',
    texts: [
      'xen_pt_realize: Error: Mapping machine irq {irq:dec} to pirq {pirq:dec} failed, (err: {errno})',
      'Mapping machine irq {irq:dec} to pirq {pirq:dec} failed, (err: {errno})',
    ],
    meaning: 'Xen gave the guest no pirq for the interrupt line of the device.',
    source: pt('xen_pt.c', 'xen_pt_realize'),
  },
  'xen_pt.msi-mapped': {
    by: 'qemu',
    severity: 'note',
    texts: [
      'xen_pt_msi_setup: MSI mapped with pirq {pirq:dec}.',
      'MSI mapped with pirq {pirq:dec}.',
      'msi_msix_update: Updating MSI{x:word} with pirq {pirq:dec} gvec {vector:hex} gflags {flags:hex} (entry: {entry:hex})',
      'Updating MSI with pirq {pirq:dec} gvec {vector:hex} gflags {flags:hex} (entry: {entry:hex})',
      'msi_msix_update: Updating MSI with pirq {pirq:dec} gvec {vector:hex} gflags {flags:hex} (entry: {entry:hex})',
    ],
    meaning: 'QEMU has an interrupt of Xen for a message of the device.',
    source: pt('xen_pt_msi.c', 'xen_pt_msi_setup, msi_msix_update'),
  },
  'xen_pt.msix-toggle': {
    by: 'qemu',
    severity: 'note',
    texts: [
      'msix_set_enable: {what:word} MSI-X.',
      'xen_pt_msi_set_enable: {what:word} MSI.',
      'msi_msix_disable: Unbind MSI{x:word} with pirq {pirq:dec}, gvec {vector:hex}',
      'msi_msix_disable: Unmap MSI{x:word} pirq {pirq:dec}',
    ],
    meaning: 'The guest turned messages on or off, or QEMU takes their interrupts down.',
    source: pt('xen_pt_msi.c', 'xen_pt_msi_set_enable, msi_msix_disable'),
  },
  'xen_pt.msix-table': {
    by: 'qemu',
    severity: 'note',
    texts: [
      'xen_pt_msix_init: get MSI-X table BAR base {base:hex}',
      'xen_pt_msix_init: table_off = {offset:hex}, total_entries = {n:dec}',
      'xen_pt_msix_init: mapping physical MSI-X table to {address:hex}',
    ],
    meaning: 'Where QEMU finds the MSI-X table of the device.',
    source: pt('xen_pt_msi.c', 'xen_pt_msix_init'),
  },
  'qemu.duplicate-id': {
    by: 'qemu',
    severity: 'error',
    texts: ["Duplicate ID '{id:word}' for device", "Duplicate device ID '{id:word}'"],
    meaning:
      "QEMU has a device of that id already. libxl's ids carry no segment: two devices with one bus, slot and function in two segments collide.",
    source: 'qemu: system/qdev-monitor.c, qdev_set_id, v10.2.0',
    scenarios: ['qemu-id-without-segment', 'detach-does-nothing-with-a-stubdom'],
  },
  'qemu.terminating': {
    by: 'qemu',
    severity: 'note',
    texts: ['{program:word}: terminating on signal {n:dec} from pid {pid:dec} ({who:text})'],
    meaning: 'QEMU was ended from outside; signal 1 from xl is the end of the guest.',
    source: 'qemu: system/runstate.c, qemu_kill_report, v10.2.0',
  },
  'hvmloader.bar': {
    by: 'hvmloader',
    severity: 'note',
    texts: ['pci dev {dev:hex}:{fn:hex} bar {bar:hex} size {size:hex}: {address:hex}'],
    meaning: "Where the guest's firmware placed a BAR.",
    source: 'xen: tools/firmware/hvmloader/pci.c, pci_setup, RELEASE-4.22.0',
  },
  'hvmloader.no-space': {
    by: 'hvmloader',
    severity: 'error',
    texts: ['pci dev {dev:hex}:{fn:hex} bar {bar:hex} size {size:hex}: no space for resource!'],
    meaning: "The guest's firmware found no room for a BAR below 4 GiB or above.",
    cure: 'mmio_hole=<MiB> in the guest\'s configuration, or OVMF (bios="ovmf") for large 64-bit BARs.',
    source: 'xen: tools/firmware/hvmloader/pci.c, pci_setup, RELEASE-4.22.0',
    rules: ['BRG-001'],
  },
  'hvmloader.version': {
    by: 'hvmloader',
    severity: 'note',
    texts: ['Detected Xen v{version:word}', 'HVM Loader'],
    meaning: "The guest's firmware starts.",
    source: 'xen: tools/firmware/hvmloader/hvmloader.c, main, RELEASE-4.22.0',
  },
  'hvmloader.irq': {
    by: 'hvmloader',
    severity: 'note',
    texts: [
      'pci dev {dev:hex}:{fn:hex} INT{pin:word}->IRQ{irq:dec}',
      'PCI-ISA link {link:dec} routed to IRQ{irq:dec}',
    ],
    meaning: "How the guest's firmware routes an interrupt line.",
    source: 'xen: tools/firmware/hvmloader/pci.c, pci_setup, RELEASE-4.22.0',
  },
  'libvirt.no-reset': {
    by: 'libvirt',
    severity: 'error',
    texts: ['Unable to reset PCI device {device}: no FLR, PM reset or bus reset available'],
    meaning: 'libvirt knows no way to reset the device that would not touch its neighbours, and refuses it.',
    cure: 'Pass the whole slot or bus through.',
    source: 'libvirt: src/util/virpci.c, virPCIDeviceReset, v10.0.0',
    rules: ['ASG-001'],
    scenarios: ['no-reset-method'],
  },
} as const satisfies Record<string, Message>;
