import type { DomainId, EventSeq } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import type { RecordObject } from '../../events/field.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { Context, Decider } from '../context.js';
import type { Answer, Call, OperationTable } from '../hypercall.js';
import { Stopped } from '../stopped.js';
import { assignedFlagOperations } from './assigned-flag.js';
import { dmOperations } from './dm-op.js';
import { domctlOperations } from './domctl.js';
import { eventChannelOperations } from './event-channel.js';
import { grantTableOperations } from './grant-table.js';
import { hvmOperations } from './hvm-op.js';
import { memoryOperations } from './memory-op.js';
import { physdevOperations } from './physdev.js';
import { mmuOperations } from './pv/mmu.js';
import { platformOperations } from './sleep.js';
import { sysctlOperations } from './sysctl.js';

/** The older entries take `{cmd, union}` and dispatch the same; on ARM they are stubs. @source facts/xen 2.1 */
function onX86(table: OperationTable): OperationTable {
  return Object.fromEntries(
    Object.entries(table).map(([name, handler]) => [
      name,
      (context: Context, call: Call): Answer =>
        context.env.platform.arch === 'arm64' ? { ret: -errno.ENOSYS } : handler(context, call),
    ]),
  );
}

/** Hypercalls the model carries out, by name and sub-operation; anything else is -ENOSYS. @source facts/xen 1.1 */
const hypercalls: Readonly<Record<string, OperationTable>> = {
  physdev_op: physdevOperations,
  physdev_op_compat: onX86(physdevOperations),
  domctl: domctlOperations,
  dm_op: dmOperations,
  hvm_op: hvmOperations,
  memory_op: memoryOperations,
  platform_op: platformOperations,
  sysctl: { ...sysctlOperations, ...assignedFlagOperations },
  event_channel_op: eventChannelOperations,
  event_channel_op_compat: onX86(eventChannelOperations),
  grant_table_op: grantTableOperations,
  ...mmuOperations,
};

/** A domain's own hypercall. */
export const decideHypercall: Decider<'hypercall.issued'> = (context, { seq, data }) => {
  answer(context, data.hypercall, { caller: data.domid, op: data.op, args: data.args, seq });
};

/** A hypercall that a modelled kernel or toolstack makes while it decides something else. */
export function enterXen(
  context: Context,
  caller: DomainId,
  hypercall: string,
  op: string,
  args: RecordObject,
): Answer {
  const seq = context.emit(`d${caller}`, 'hypercall.entered', { domid: caller, hypercall, op, args });
  return answer(context, hypercall, { caller, op, args, seq });
}

function answer(context: Context, hypercall: string, call: Call): Answer {
  const table = Object.hasOwn(hypercalls, hypercall) ? hypercalls[hypercall] : undefined;
  const handler = table !== undefined && Object.hasOwn(table, call.op) ? table[call.op] : table?.['*'];
  const result = handler === undefined ? { ret: -errno.ENOSYS } : handler(context, call);
  const { env, state } = context;
  if (state.xen.panicked !== null && hasBehaviour(env.behaviour, 'arm-as-it-runs')) throw new Stopped();
  returned(context, result, call.seq);
  return result;
}

function returned(context: Context, { ret, out }: Answer, cause: EventSeq): void {
  context.emit('xen', 'hypercall.returned', { ret, out: out ?? null }, cause);
}
