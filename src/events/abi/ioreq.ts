import { array, bits, struct, u8, u16, u32, u64 } from './struct.js';

/** One request between Xen and a device model; slot n of the shared page stands at n * 32. @source facts/xen 4.4 */
export const ioreqLayout = struct('ioreq', 32, [
  u64('addr', 0),
  u64('data', 8),
  u32('count', 16),
  u32('size', 20),
  u32('vp_eport', 24),
  u16('pad', 28),
  bits('state', 30, 1, 0, 4),
  bits('data_is_ptr', 30, 1, 4, 1),
  bits('dir', 30, 1, 5, 1),
  bits('df', 30, 1, 6, 1),
  bits('pad1', 30, 1, 7, 1),
  u8('type', 31),
]);

/** One slot of the buffered ring; `size` is log2 of the bytes. @source facts/xen 4.4 */
export const bufIoreqLayout = struct('buf_ioreq', 8, [
  u8('type', 0),
  bits('pad', 0, 4, 8, 1),
  bits('dir', 0, 4, 9, 1),
  bits('size', 0, 4, 10, 2),
  bits('addr', 0, 4, 12, 20),
  u32('data', 4),
]);

/** The buffered page: 511 slots behind two freely running indexes. @source facts/xen 4.4 */
export const bufferedIopage = struct('buffered_iopage', 4096, [
  u32('read_pointer', 0),
  u32('write_pointer', 4),
  array('buf_ioreq', 8, { layout: bufIoreqLayout }, 511),
]);
