import type { Operation } from './operation.js';
import { handle, type StructField, struct, u8, u16, u32, u64 } from './struct.js';

/** `xen_domctl`: the operation's own structure stands at byte 16. @source facts/xen 7.1 */
export const domctlHeader = struct('xen_domctl', 144, [
  u32('cmd', 0),
  u32('interface_version', 4),
  u16('domain', 8),
]);
export const domctlUnionOffset = 16;

const device = (more: readonly StructField[], sizeBytes = 24) =>
  struct('xen_domctl_assign_device', sizeBytes, [u32('dev', 0), u32('flags', 4), ...more]);
const devicePci = device([u32('machine_sbdf', 8)]);
const deviceDt = device([u32('size', 8), handle('path', 16)]);
const deviceOp = { arg: devicePci, variants: { selector: 'dev', by: { 0: devicePci, 1: deviceDt } } };

const ptIrq = (more: readonly StructField[]) =>
  struct('xen_domctl_bind_pt_irq', 24, [u32('machine_irq', 0), u32('irq_type', 4), ...more]);
const ptIrqPci = ptIrq([u8('bus', 8), u8('device', 9), u8('intx', 10)]);
const ptIrqMsi = ptIrq([u8('gvec', 8), u32('gflags', 12), u64('gtable', 16)]);
const ptIrqOp = {
  arg: ptIrqPci,
  variants: {
    selector: 'irq_type',
    by: { 0: ptIrqPci, 1: ptIrq([u8('isa_irq', 8)]), 2: ptIrqMsi, 3: ptIrqPci, 4: ptIrq([u16('spi', 8)]) },
  },
};

/** `irq_type` of bind_pt_irq. @source facts/xen 6.2 */
export const ptIrqType = { PCI: 0, ISA: 1, MSI: 2, MSI_TRANSLATE: 3, SPI: 4 } as const;

/** Sub-operations of hypercall 36 that concern PCI; offsets count from the union. @source facts/xen 1.2, 6.2, 7.1 */
export const domctlOps = {
  irq_permission: {
    nr: 19,
    arg: struct('xen_domctl_irq_permission', 8, [u32('pirq', 0), u8('allow_access', 4)]),
  },
  iomem_permission: {
    nr: 20,
    arg: struct('xen_domctl_iomem_permission', 24, [
      u64('first_mfn', 0),
      u64('nr_mfns', 8),
      u8('allow_access', 16),
    ]),
  },
  ioport_permission: {
    nr: 21,
    arg: struct('xen_domctl_ioport_permission', 12, [
      u32('first_port', 0),
      u32('nr_ports', 4),
      u8('allow_access', 8),
    ]),
  },
  assign_device: { nr: 37, ...deviceOp },
  bind_pt_irq: { nr: 38, ...ptIrqOp },
  memory_mapping: {
    nr: 39,
    arg: struct('xen_domctl_memory_mapping', 32, [
      u64('first_gfn', 0),
      u64('first_mfn', 8),
      u64('nr_mfns', 16),
      u32('add_mapping', 24),
      u32('padding', 28),
    ]),
  },
  ioport_mapping: {
    nr: 40,
    arg: struct('xen_domctl_ioport_mapping', 16, [
      u32('first_gport', 0),
      u32('first_mport', 4),
      u32('nr_ports', 8),
      u32('add_mapping', 12),
    ]),
  },
  test_assign_device: { nr: 45, ...deviceOp },
  set_target: { nr: 46, arg: struct('xen_domctl_set_target', 2, [u16('target', 0)]) },
  deassign_device: { nr: 47, ...deviceOp },
  unbind_pt_irq: { nr: 48, ...ptIrqOp },
  get_device_group: {
    nr: 50,
    arg: struct('xen_domctl_get_device_group', 24, [
      u32('machine_sbdf', 0),
      u32('max_sdevs', 4),
      u32('num_sdevs', 8),
      handle('sdev_array', 16),
    ]),
  },
  gsi_permission: { nr: 88, arg: struct('xen_domctl_gsi_permission', 8, [u32('gsi', 0), u32('flags', 4)]) },
} as const satisfies Record<string, Operation>;

export type DomctlOp = keyof typeof domctlOps;
