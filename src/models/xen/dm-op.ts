import type { DomainId } from '../../base/brand.js';
import { dmOpHeader, dmOps, dmOpUnionOffset } from '../../events/abi/dm-op.js';
import type { RecordObject } from '../../events/field.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { notifyMmconfig } from './chipset/notify.js';
import { serversChanged } from './chipset/servers.js';
import { type DmHandler, type DmOperations, fail } from './dm-op/call.js';
import { interruptOps } from './dm-op/interrupts.js';
import { memoryOps } from './dm-op/memory.js';
import { serverOps } from './dm-op/servers.js';
import { mayActAsDeviceModel } from './domains.js';
import { guestOf } from './ioreq/guest.js';

const operations: DmOperations = { ...serverOps, ...interruptOps, ...memoryOps };

/** Size of Xen's table of operations: one above the highest number. */
const TABLE_SIZE = 21;

/**
 * Hypercall 41. Arguments: `domid`, `nr_bufs` (1 unless given), `buf_sizes` (large enough unless given), `bufs_fault`
 * and `header_pad`, and the fields of the operation's structure beside them.
 * @source facts/xen 4.1, 4.2
 */
const dmOp: HypercallHandler = (context, call) => {
  const nrBufs = call.args['nr_bufs'] === undefined ? 1 : argNumber(call.args, 'nr_bufs');
  if (nrBufs === 0) return fail('ENODATA');
  if (nrBufs > 2) return fail('E2BIG');
  if (call.args['bufs_fault'] === true) return fail('EFAULT');
  const domid = argNumber(call.args, 'domid') as DomainId;
  const domain = context.state.domains[domid];
  if (domain === undefined) return fail('ESRCH');
  if (domid === call.caller) return fail('EPERM');
  const guest = guestOf(context, domid);
  if (guest === undefined) return fail('EINVAL');
  if (!mayActAsDeviceModel(context, call.caller, domid)) return fail('EPERM');
  const bufferBytes = bufferSizes(call.args, nrBufs);
  if (bufferBytes[0]! < dmOpUnionOffset) return fail('EFAULT');
  const known = knownOperation(call.op, context.env.platform.arch);
  if (known.nr >= TABLE_SIZE) return fail('EOPNOTSUPP');
  if (bufferBytes[0]! < dmOpUnionOffset + known.sizeBytes) return fail('EFAULT');
  if (argNumber(call.args, 'header_pad') !== 0) return fail('EINVAL');
  if (known.run === null) return fail('EOPNOTSUPP');
  const answer = known.run(context, { ...call, domid, guest, bufferBytes });
  if (answer.ret === 0) serversChanged(context, domid, call);
  return answer;
};

export const dmOperations: OperationTable = {
  ...Object.fromEntries(Object.keys(dmOps).map((name) => [name, dmOp])),
  notify_mmconfig: notifyMmconfig,
  '*': dmOp,
};

interface Known {
  readonly nr: number;
  /** Bytes of its structure; 0 for a hole in the table. */
  readonly sizeBytes: number;
  readonly run: DmHandler | null;
}

/** Looks an operation up the way Xen of this architecture does; `#n` stands for a number without a name. */
function knownOperation(op: string, arch: 'arm64' | 'x86_64'): Known {
  const layout = (
    dmOps as Readonly<Record<string, { readonly nr: number; readonly arg: { readonly sizeBytes: number } }>>
  )[op];
  const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
  const here = arch === 'arm64' ? 'arm' : 'x86';
  if (layout === undefined || operation === undefined) {
    const nr = /^#\d+$/.test(op) ? Number(op.slice(1)) : TABLE_SIZE;
    return { nr, sizeBytes: 0, run: null };
  }
  if (operation.arch !== 'both' && operation.arch !== here) return { nr: layout.nr, sizeBytes: 0, run: null };
  return { nr: layout.nr, sizeBytes: layout.arg.sizeBytes, run: operation.run };
}

function bufferSizes(args: RecordObject, nrBufs: number): readonly number[] {
  const given = args['buf_sizes'];
  const sizes = Array.isArray(given) ? (given as readonly unknown[]) : [];
  return Array.from({ length: nrBufs }, (_, i) => {
    const size = sizes[i];
    return typeof size === 'number' ? size : i === 0 ? dmOpHeader.sizeBytes : Number.MAX_SAFE_INTEGER;
  });
}
