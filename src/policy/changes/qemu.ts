/*
 * What changed in QEMU, as far as the models follow it. A row is added as in xen.ts. `by: 'machine'` marks a change that
 * a machine type brings (`-M pc-q35-7.2` keeps the old way in every QEMU); the others come with the program.
 */
import type { Change } from './change.js';

/** A published minor of QEMU. */
export type QemuFirst = `${7 | 8 | 9}.${0 | 1 | 2}` | `10.${0 | 1 | 2}`;

export interface QemuChange extends Change<QemuFirst> {
  readonly by: 'program' | 'machine';
}

const before = { lacking: 'qemu-as-released', since: 'never' } as const;

export const qemuChanges = {
  'aer-masks-internal-errors': {
    doc: 'Uncorrectable internal errors and blocked TLPs can be masked in the AER capability and are from the start; before, the register was 0 and read-only.',
    by: 'machine',
    commit: null,
    where: 'hw/pci/pcie_aer.c, pcie_aer_init; hw/core/machine.c, hw_compat_7_2 (x-pcie-err-unc-mask)',
    first: ['8.0'],
    before,
  },
  'express-latency-timer-fixed': {
    doc: 'The secondary latency timer of PCI Express bridges is 0 and read-only; before, it took what was written.',
    by: 'machine',
    commit: null,
    where: 'hw/pci/pci_bridge.c, pci_bridge_initfn; hw/core/machine.c, hw_compat_8_1',
    first: ['8.2'],
    before,
  },
  'gcs-without-no-reboot': {
    doc: "GCS of ICH9's root complex block starts without the strap that keeps the watchdog from resetting (bit 5); before, with it.",
    by: 'machine',
    commit: null,
    where: 'hw/isa/lpc_ich9.c, ich9_cc_reset; hw/i386/pc.c, pc_compat_7_2 (ICH9-LPC.noreboot)',
    first: ['8.0'],
    before,
  },
  'monitor-strict-booleans': {
    doc: 'device_add takes true and false for options that are either; before, the text `on` as well.',
    by: 'program',
    commit: 'be93fd5372',
    where: 'system/qdev-monitor.c, qmp_device_add',
    first: ['9.2'],
    before,
  },
  'nvme-device-control': {
    doc: "NVMe's error reporting can be switched on in Device Control, and Device Status clears by 1; before, neither.",
    by: 'program',
    commit: '4f947b10d5',
    where: 'hw/nvme/ctrl.c, nvme_init_pci',
    first: ['9.1'],
    before,
  },
  'pcie-extended-tags': {
    doc: 'Device Capabilities say that extended tags are supported (bit 5); before, not.',
    by: 'machine',
    commit: null,
    where: 'hw/pci/pcie.c, pcie_cap_v1_fill; hw/core/machine.c, hw_compat_9_1 (x-pcie-ext-tag)',
    first: ['9.2'],
    before,
  },
  'slots-start-dark': {
    doc: 'A reset switches the power indicator of a populated slot off; before, on.',
    by: 'program',
    commit: '1768e97b91',
    where: 'hw/pci/pcie.c, pcie_cap_slot_reset',
    first: ['8.0'],
    before,
  },
  'tseg-of-64-mib': {
    doc: 'The extended TSEG of Q35 is 64 MiB; before, 16 MiB.',
    by: 'machine',
    commit: null,
    where: 'hw/i386/pc_q35.c and hw/i386/pc.c, pc_compat_10_1 (mch.extended-tseg-mbytes)',
    first: ['10.2'],
    before,
  },
} as const satisfies Record<string, QemuChange>;
