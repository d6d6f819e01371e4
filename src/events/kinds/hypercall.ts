import { errnoName } from '../../base/errno.js';
import { domid, errnoField, namingRecord, orNull, record, text } from '../field.js';
import { input, outcome } from '../kind.js';

/** @source facts/xen 1.1, 1.2, 2, 4.2, 7.1, 8 */
export const hypercallKinds = {
  'hypercall.issued': input(
    'A domain entered Xen with a hypercall.',
    {
      domid: domid('the caller'),
      hypercall: text('name without prefix, as `physdev_op`; `#n` when the number has no name'),
      op: text(
        'sub-operation without prefix, as `pci_device_add`; `#n` when the number has no name, empty when there is none',
      ),
      args: namingRecord('call', 'arguments with the names of the public headers'),
    },
    {
      told: 'guest',
      reads: '{domid} calls {hypercall} {op}',
      decidedBy: 'Xen hypercall handling, facts/xen 2, 4.2, 7',
      holds: ({ hypercall, op, args }) => [{ is: 'call', hypercall, op, args }],
    },
  ),
  'hypercall.returned': outcome(
    'Xen answered the hypercall.',
    {
      ret: errnoField('result: 0 or a positive value, or a negative errno'),
      out: orNull(record('fields written back to the caller')),
    },
    { told: 'guest', reads: 'the call returns {ret}', gist: ({ ret }) => errnoName(ret) },
  ),
  'hypercall.entered': outcome(
    'A modelled kernel or toolstack entered Xen as part of what it was doing.',
    {
      domid: domid('the caller'),
      hypercall: text('name without prefix'),
      op: text('sub-operation without prefix'),
      args: namingRecord('call', 'arguments with the names of the public headers'),
    },
    {
      told: 'toolstack',
      reads: '{domid} calls {hypercall} {op} in passing',
      holds: ({ hypercall, op, args }) => [{ is: 'call', hypercall, op, args }],
    },
  ),
};
