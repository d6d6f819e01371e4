import type { Operation } from './operation.js';
import { array, struct, u8, u16, u32, u64 } from './struct.js';

/** `xen_dm_op`: the operation's own structure stands at byte 8. @source facts/xen 4.1 */
export const dmOpHeader = struct('xen_dm_op', 32, [u32('op', 0), u32('pad', 4)]);
export const dmOpUnionOffset = 8;
/** `xen_dm_op_buf`, one per buffer. @source facts/xen 4.1 */
export const dmOpBuf = struct('xen_dm_op_buf', 16, [u64('h', 0), u64('size', 8)]);

const ioreqRange = struct('xen_dm_op_ioreq_server_range', 24, [
  u16('id', 0),
  u16('pad', 2),
  u32('type', 4),
  u64('start', 8),
  u64('end', 16),
]);

/** Sub-operations of hypercall 41; offsets count from the start of the union. @source facts/xen 4.2 */
export const dmOps = {
  create_ioreq_server: {
    nr: 1,
    arg: struct('xen_dm_op_create_ioreq_server', 6, [
      u8('handle_bufioreq', 0),
      array('pad', 1, { bytes: 1 }, 3),
      u16('id', 4),
    ]),
  },
  get_ioreq_server_info: {
    nr: 2,
    arg: struct('xen_dm_op_get_ioreq_server_info', 24, [
      u16('id', 0),
      u16('flags', 2),
      u32('bufioreq_port', 4),
      u64('ioreq_gfn', 8),
      u64('bufioreq_gfn', 16),
    ]),
  },
  map_io_range_to_ioreq_server: { nr: 3, arg: ioreqRange },
  unmap_io_range_from_ioreq_server: { nr: 4, arg: ioreqRange },
  set_ioreq_server_state: {
    nr: 5,
    arg: struct('xen_dm_op_set_ioreq_server_state', 4, [u16('id', 0), u8('enabled', 2), u8('pad', 3)]),
  },
  destroy_ioreq_server: {
    nr: 6,
    arg: struct('xen_dm_op_destroy_ioreq_server', 4, [u16('id', 0), u16('pad', 2)]),
  },
  track_dirty_vram: {
    nr: 7,
    arg: struct('xen_dm_op_track_dirty_vram', 16, [u32('nr', 0), u32('pad', 4), u64('first_pfn', 8)]),
  },
  set_pci_intx_level: {
    nr: 8,
    arg: struct('xen_dm_op_set_pci_intx_level', 6, [
      u16('domain', 0),
      u8('bus', 2),
      u8('device', 3),
      u8('intx', 4),
      u8('level', 5),
    ]),
  },
  set_isa_irq_level: {
    nr: 9,
    arg: struct('xen_dm_op_set_isa_irq_level', 2, [u8('isa_irq', 0), u8('level', 1)]),
  },
  set_pci_link_route: {
    nr: 10,
    arg: struct('xen_dm_op_set_pci_link_route', 2, [u8('link', 0), u8('isa_irq', 1)]),
  },
  modified_memory: {
    nr: 11,
    arg: struct('xen_dm_op_modified_memory', 8, [u32('nr_extents', 0), u32('opaque', 4)]),
  },
  set_mem_type: {
    nr: 12,
    arg: struct('xen_dm_op_set_mem_type', 16, [
      u32('nr', 0),
      u16('mem_type', 4),
      u16('pad', 6),
      u64('first_pfn', 8),
    ]),
  },
  inject_event: {
    nr: 13,
    arg: struct('xen_dm_op_inject_event', 24, [
      u32('vcpuid', 0),
      u8('vector', 4),
      u8('type', 5),
      u8('insn_len', 6),
      u8('pad0', 7),
      u32('error_code', 8),
      u32('pad1', 12),
      u64('cr2', 16),
    ]),
  },
  inject_msi: {
    nr: 14,
    arg: struct('xen_dm_op_inject_msi', 16, [u32('data', 0), u32('pad', 4), u64('addr', 8)]),
  },
  map_mem_type_to_ioreq_server: {
    nr: 15,
    arg: struct('xen_dm_op_map_mem_type_to_ioreq_server', 16, [
      u16('id', 0),
      u16('type', 2),
      u32('flags', 4),
      u64('opaque', 8),
    ]),
  },
  remote_shutdown: { nr: 16, arg: struct('xen_dm_op_remote_shutdown', 4, [u32('reason', 0)]) },
  relocate_memory: {
    nr: 17,
    arg: struct('xen_dm_op_relocate_memory', 24, [
      u32('size', 0),
      u32('pad', 4),
      u64('src_gfn', 8),
      u64('dst_gfn', 16),
    ]),
  },
  pin_memory_cacheattr: {
    nr: 18,
    arg: struct('xen_dm_op_pin_memory_cacheattr', 24, [
      u64('start', 0),
      u64('end', 8),
      u32('type', 16),
      u32('pad', 20),
    ]),
  },
  set_irq_level: {
    nr: 19,
    arg: struct('xen_dm_op_set_irq_level', 8, [
      u32('irq', 0),
      u8('level', 4),
      array('pad', 5, { bytes: 1 }, 3),
    ]),
  },
  nr_vcpus: { nr: 20, arg: struct('xen_dm_op_nr_vcpus', 4, [u32('vcpus', 0)]) },
} as const satisfies Record<string, Operation>;

export type DmOp = keyof typeof dmOps;
