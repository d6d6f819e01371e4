import type { Operation } from './operation.js';
import { pciDevice } from './physdev.js';
import { handle, nested, struct, u16, u32, u64 } from './struct.js';

const reservation = struct('xen_memory_reservation', 32, [
  handle('extent_start', 0),
  u64('nr_extents', 8),
  u32('extent_order', 16),
  u32('mem_flags', 20),
  u16('domid', 24),
]);

/**
 * Sub-operations of hypercall 12 that passthrough needs.
 * @source facts/xen 1.2 for the numbers, xen/include/public/memory.h for the structures
 */
export const memoryOps = {
  increase_reservation: { nr: 0, arg: reservation },
  decrease_reservation: { nr: 1, arg: reservation },
  populate_physmap: { nr: 6, arg: reservation },
  add_to_physmap: {
    nr: 7,
    arg: struct('xen_add_to_physmap', 24, [
      u16('domid', 0),
      u16('size', 2),
      u32('space', 4),
      u64('idx', 8),
      u64('gpfn', 16),
    ]),
  },
  remove_from_physmap: {
    nr: 15,
    arg: struct('xen_remove_from_physmap', 16, [u16('domid', 0), u64('gpfn', 8)]),
  },
  add_to_physmap_batch: {
    nr: 23,
    arg: struct('xen_add_to_physmap_batch', 32, [
      u16('domid', 0),
      u16('space', 2),
      u16('size', 4),
      u16('foreign_domid', 6),
      handle('idxs', 8),
      handle('gpfns', 16),
      handle('errs', 24),
    ]),
  },
  reserved_device_memory_map: {
    nr: 27,
    arg: struct('xen_reserved_device_memory_map', 24, [
      u32('flags', 0),
      u32('nr_entries', 4),
      handle('buffer', 8),
      nested('pci', 16, pciDevice),
    ]),
  },
  acquire_resource: {
    nr: 28,
    arg: struct('xen_mem_acquire_resource', 32, [
      u16('domid', 0),
      u16('type', 2),
      u32('id', 4),
      u32('nr_frames', 8),
      u32('pad', 12),
      u64('frame', 16),
      handle('frame_list', 24),
    ]),
  },
} as const satisfies Record<string, Operation>;

/** `space` of add_to_physmap. @source facts/xen 1.2 */
export const mapSpace = {
  shared_info: 0,
  grant_table: 1,
  gmfn: 2,
  gmfn_range: 3,
  gmfn_foreign: 4,
  dev_mmio: 5,
} as const;
