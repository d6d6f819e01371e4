import type { Operation } from './operation.js';
import { handle, i32, nested, struct, tail, u8, u16, u32, u64 } from './struct.js';

/** `physdev_pci_device`: also the argument of several operations. */
export const pciDevice = struct('physdev_pci_device', 4, [u16('seg', 0), u8('bus', 2), u8('devfn', 3)]);
const physfn = struct('physfn', 2, [u8('bus', 0), u8('devfn', 1)]);
const managePci = struct('physdev_manage_pci', 2, [u8('bus', 0), u8('devfn', 1)]);
const apic = struct('physdev_apic', 16, [u64('apic_physbase', 0), u32('reg', 8), u32('value', 12)]);
const irq = struct('physdev_irq', 8, [u32('irq', 0), u32('vector', 4)]);
const gmfn = struct('physdev_pirq_eoi_gmfn', 8, [u64('gmfn', 0)]);

/**
 * Sub-operations of hypercall 33, x86-64 and arm64 layout. Number 11 and the numbers 18 and 22 have no handler; 32
 * exists from Xen 4.20 on.
 * @source facts/xen 2.1, 2.3
 */
export const physdevOps = {
  irq_unmask_notify: { nr: 4, arg: null },
  irq_status_query: {
    nr: 5,
    arg: struct('physdev_irq_status_query', 8, [u32('irq', 0), u32('flags', 4)]),
  },
  set_iopl: { nr: 6, arg: struct('physdev_set_iopl', 4, [u32('iopl', 0)]) },
  set_iobitmap: {
    nr: 7,
    arg: struct('physdev_set_iobitmap', 16, [handle('bitmap', 0), u32('nr_ports', 8)]),
  },
  apic_read: { nr: 8, arg: apic },
  apic_write: { nr: 9, arg: apic },
  alloc_irq_vector: { nr: 10, arg: irq },
  free_irq_vector: { nr: 11, arg: irq },
  eoi: { nr: 12, arg: struct('physdev_eoi', 4, [u32('irq', 0)]) },
  map_pirq: {
    nr: 13,
    arg: struct('physdev_map_pirq', 40, [
      u16('domid', 0),
      i32('type', 4),
      i32('index', 8),
      i32('pirq', 12),
      i32('bus', 16),
      i32('devfn', 20),
      i32('entry_nr', 24),
      u64('table_base', 32),
    ]),
  },
  unmap_pirq: { nr: 14, arg: struct('physdev_unmap_pirq', 8, [u16('domid', 0), i32('pirq', 4)]) },
  manage_pci_add: { nr: 15, arg: managePci },
  manage_pci_remove: { nr: 16, arg: managePci },
  pirq_eoi_gmfn_v1: { nr: 17, arg: gmfn },
  restore_msi: { nr: 19, arg: struct('physdev_restore_msi', 2, [u8('bus', 0), u8('devfn', 1)]) },
  manage_pci_add_ext: {
    nr: 20,
    arg: struct('physdev_manage_pci_ext', 16, [
      u8('bus', 0),
      u8('devfn', 1),
      u32('is_extfn', 4),
      u32('is_virtfn', 8),
      nested('physfn', 12, physfn),
    ]),
  },
  setup_gsi: {
    nr: 21,
    arg: struct('physdev_setup_gsi', 8, [i32('gsi', 0), u8('triggering', 4), u8('polarity', 5)]),
  },
  get_free_pirq: { nr: 23, arg: struct('physdev_get_free_pirq', 8, [i32('type', 0), u32('pirq', 4)]) },
  pci_mmcfg_reserved: {
    nr: 24,
    arg: struct('physdev_pci_mmcfg_reserved', 16, [
      u64('address', 0),
      u16('segment', 8),
      u8('start_bus', 10),
      u8('end_bus', 11),
      u32('flags', 12),
    ]),
  },
  pci_device_add: {
    nr: 25,
    arg: struct('physdev_pci_device_add', 12, [
      u16('seg', 0),
      u8('bus', 2),
      u8('devfn', 3),
      u32('flags', 4),
      nested('physfn', 8, physfn),
      tail('optarr', 12, { bytes: 4 }),
    ]),
  },
  pci_device_remove: { nr: 26, arg: pciDevice },
  restore_msi_ext: { nr: 27, arg: pciDevice },
  pirq_eoi_gmfn_v2: { nr: 28, arg: gmfn },
  dbgp_op: {
    nr: 29,
    arg: struct('physdev_dbgp_op', 6, [u8('op', 0), u8('bus', 1), nested('pci', 2, pciDevice)]),
  },
  prepare_msix: { nr: 30, arg: pciDevice },
  release_msix: { nr: 31, arg: pciDevice },
  pci_device_reset: {
    nr: 32,
    arg: struct('physdev_pci_device_reset', 8, [nested('dev', 0, pciDevice), u32('flags', 4)]),
  },
} as const satisfies Record<string, Operation>;

export type PhysdevOp = keyof typeof physdevOps;

/** `PHYSDEVOP_map_pirq` types. @source facts/xen 2.3 */
export const mapPirqType = { MSI: 0, GSI: 1, UNKNOWN: 2, MSI_SEG: 3, MULTI_MSI: 4 } as const;
