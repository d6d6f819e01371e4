import { domid, input, int, orNull, outcome, record, text } from '../field.js';

/** @source facts/xen 1.1, 1.2, 2, 4.2, 7.1, 8 */
export const hypercallKinds = {
  'hypercall.issued': input('A domain entered Xen with a hypercall.', {
    domid: domid('the caller'),
    hypercall: text('name without prefix, as `physdev_op`; `#n` when the number has no name'),
    op: text(
      'sub-operation without prefix, as `pci_device_add`; `#n` when the number has no name, empty when there is none',
    ),
    args: record('arguments with the names of the public headers'),
  }),
  'hypercall.returned': outcome('Xen answered the hypercall.', {
    ret: int('result: 0 or a positive value, or a negative errno'),
    out: orNull(record('fields written back to the caller')),
  }),
  'hypercall.entered': outcome('A modelled kernel or toolstack entered Xen as part of what it was doing.', {
    domid: domid('the caller'),
    hypercall: text('name without prefix'),
    op: text('sub-operation without prefix'),
    args: record('arguments with the names of the public headers'),
  }),
};
