import type { Operation } from './operation.js';
import { handle, i16, nested, struct, u16, u32, u64 } from './struct.js';

const copyPointer = struct('gnttab_copy_ptr', 16, [
  u64('ref_or_gmfn', 0),
  u16('domid', 8),
  u16('offset', 10),
]);

/**
 * Sub-operations of hypercall 20; each takes an array of its structure and a count.
 * @source facts/xen 1.2 for the numbers, xen/include/public/grant_table.h for the structures
 */
export const grantTableOps = {
  map_grant_ref: {
    nr: 0,
    arg: struct('gnttab_map_grant_ref', 32, [
      u64('host_addr', 0),
      u32('flags', 8),
      u32('ref', 12),
      u16('dom', 16),
      i16('status', 18),
      u32('handle', 20),
      u64('dev_bus_addr', 24),
    ]),
  },
  unmap_grant_ref: {
    nr: 1,
    arg: struct('gnttab_unmap_grant_ref', 24, [
      u64('host_addr', 0),
      u64('dev_bus_addr', 8),
      u32('handle', 16),
      i16('status', 20),
    ]),
  },
  setup_table: {
    nr: 2,
    arg: struct('gnttab_setup_table', 24, [
      u16('dom', 0),
      u32('nr_frames', 4),
      i16('status', 8),
      handle('frame_list', 16),
    ]),
  },
  dump_table: { nr: 3, arg: struct('gnttab_dump_table', 4, [u16('dom', 0), i16('status', 2)]) },
  transfer: {
    nr: 4,
    arg: struct('gnttab_transfer', 24, [u64('mfn', 0), u16('domid', 8), u32('ref', 12), i16('status', 16)]),
  },
  copy: {
    nr: 5,
    arg: struct('gnttab_copy', 40, [
      nested('source', 0, copyPointer),
      nested('dest', 16, copyPointer),
      u16('len', 32),
      u16('flags', 34),
      i16('status', 36),
    ]),
  },
  query_size: {
    nr: 6,
    arg: struct('gnttab_query_size', 16, [
      u16('dom', 0),
      u32('nr_frames', 4),
      u32('max_nr_frames', 8),
      i16('status', 12),
    ]),
  },
  unmap_and_replace: {
    nr: 7,
    arg: struct('gnttab_unmap_and_replace', 24, [
      u64('host_addr', 0),
      u64('new_addr', 8),
      u32('handle', 16),
      i16('status', 20),
    ]),
  },
  set_version: { nr: 8, arg: struct('gnttab_set_version', 4, [u32('version', 0)]) },
  get_status_frames: {
    nr: 9,
    arg: struct('gnttab_get_status_frames', 16, [
      u32('nr_frames', 0),
      u16('dom', 4),
      i16('status', 6),
      handle('frame_list', 8),
    ]),
  },
  get_version: {
    nr: 10,
    arg: struct('gnttab_get_version', 8, [u16('dom', 0), u16('pad', 2), u32('version', 4)]),
  },
  swap_grant_ref: {
    nr: 11,
    arg: struct('gnttab_swap_grant_ref', 12, [u32('ref_a', 0), u32('ref_b', 4), i16('status', 8)]),
  },
  cache_flush: {
    nr: 12,
    arg: struct('gnttab_cache_flush', 16, [u64('a', 0), u16('offset', 8), u16('length', 10), u32('op', 12)]),
  },
} as const satisfies Record<string, Operation>;

/** `status` of a grant operation. @source xen/include/public/grant_table.h (enum grant_status) */
export const grantStatus = {
  okay: 0,
  general_error: -1,
  bad_domain: -2,
  bad_gntref: -3,
  bad_handle: -4,
  bad_virt_addr: -5,
  bad_dev_addr: -6,
  no_device_space: -7,
  permission_denied: -8,
  bad_page: -9,
  bad_copy_arg: -10,
  address_too_big: -11,
  eagain: -12,
  no_space: -13,
} as const;
