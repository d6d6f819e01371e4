import { errno } from '../../base/errno.js';
import type { Decider } from '../context.js';
import type { OperationTable } from '../hypercall.js';
import { physdevOperations } from './physdev.js';

/** Hypercalls the model carries out, by name and sub-operation; anything else is -ENOSYS. @source facts/xen 1.1 */
const hypercalls: Readonly<Record<string, OperationTable>> = {
  physdev_op: physdevOperations,
};

export const decideHypercall: Decider<'hypercall.issued'> = (context, { seq, data }) => {
  const table = hypercalls[data.hypercall];
  const handler = table !== undefined && Object.hasOwn(table, data.op) ? table[data.op] : undefined;
  const answer =
    handler === undefined
      ? { ret: -errno.ENOSYS }
      : handler(context, { caller: data.domid, op: data.op, args: data.args, seq });
  context.emit('xen', 'hypercall.returned', { ret: answer.ret, out: answer.out ?? null });
};
