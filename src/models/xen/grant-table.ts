import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { grantStatus } from '../../events/abi/grant-table.js';
import type { RecordObject, RecordValue } from '../../events/field.js';
import type { Context } from '../context.js';
import {
  type Answer,
  argNumber,
  type Call,
  type HypercallHandler,
  type OperationTable,
} from '../hypercall.js';
import { isHvm, mayActAsDeviceModel, resolveDomain } from './domains.js';

const flag = { device_map: 1, host_map: 2, readonly: 4, application_map: 8, contains_pte: 16 } as const;
const copyFlag = { source_gref: 1, dest_gref: 2 } as const;
/** `gnttab_max_frames` of an ordinary domain. @source docs/misc/xen-command-line.pandoc */
const MAX_FRAMES = 64;
const PAGE_BYTES = 4096;

/** One element: returns the fields Xen writes back. */
type Element = (context: Context, call: Call, args: RecordObject) => RecordObject;

/**
 * Grant operations take an array: `ops` with one record each, or a single element's fields directly. The result is 0
 * whatever becomes of the elements; each carries its own status.
 */
const each =
  (element: Element): HypercallHandler =>
  (context, call): Answer => {
    const { ops } = call.args;
    if (!Array.isArray(ops)) return { ret: 0, out: { ...call.args, ...element(context, call, call.args) } };
    const done = (ops as readonly RecordValue[]).map((op): RecordObject => {
      const args = typeof op === 'object' && op !== null && !Array.isArray(op) ? (op as RecordObject) : {};
      return { ...args, ...element(context, call, args) };
    });
    return { ret: 0, out: { ops: done } };
  };

/** @source xen/common/grant_table.c (map_grant_ref) */
const mapGrantRef: Element = (context, { caller }, args) => {
  const flags = argNumber(args, 'flags');
  const fail = (status: number): RecordObject => ({ status });
  if ((flags & (flag.device_map | flag.host_map)) === 0) return fail(grantStatus.bad_gntref);
  const external = flag.device_map | flag.application_map | flag.contains_pte;
  if (isHvm(context, caller) && (flags & external) !== 0) return fail(grantStatus.general_error);
  const from = argNumber(args, 'dom') as DomainId;
  if (context.state.domains[from] === undefined) return fail(grantStatus.bad_domain);
  const ref = argNumber(args, 'ref');
  const entry = context.state.gnttab[from]?.entries[ref];
  if (entry === undefined || entry.to !== caller) return fail(grantStatus.general_error);
  const readonly = (flags & flag.readonly) !== 0;
  if (entry.readonly && !readonly) return fail(grantStatus.general_error);
  const handle = freeHandle(context, caller);
  context.emit('xen', 'grant.mapped', { domid: caller, handle, from, ref, readonly });
  return { status: grantStatus.okay, handle, dev_bus_addr: entry.frame * PAGE_BYTES };
};

function freeHandle(context: Context, domid: DomainId): number {
  const held = context.state.gnttab[domid]?.mappings ?? {};
  let handle = 0;
  while (held[handle] !== undefined) handle += 1;
  return handle;
}

const unmapGrantRef: Element = (context, { caller }, args) => {
  const handle = argNumber(args, 'handle');
  if (context.state.gnttab[caller]?.mappings[handle] === undefined) return { status: grantStatus.bad_handle };
  context.emit('xen', 'grant.unmapped', { domid: caller, handle });
  return { status: grantStatus.okay };
};

/** The status the domain of a table operation earns; 0 when the caller may have it. */
function tableOf(context: Context, caller: DomainId, dom: number): number {
  const domid = resolveDomain(context, caller, dom);
  if (domid === null) return grantStatus.bad_domain;
  return domid === caller || mayActAsDeviceModel(context, caller, domid)
    ? grantStatus.okay
    : grantStatus.permission_denied;
}

const setupTable: Element = (context, { caller }, args) => {
  const status = tableOf(context, caller, argNumber(args, 'dom'));
  if (status !== grantStatus.okay) return { status };
  return { status: argNumber(args, 'nr_frames') > MAX_FRAMES ? grantStatus.general_error : grantStatus.okay };
};

const querySize: Element = (context, { caller }, args) => {
  const status = tableOf(context, caller, argNumber(args, 'dom'));
  return status === grantStatus.okay ? { nr_frames: 1, max_nr_frames: MAX_FRAMES, status } : { status };
};

/** Both ends are looked at in the order source, destination; what is copied is not kept. */
const copy: Element = (context, { caller }, args) => {
  const flags = argNumber(args, 'flags');
  const length = argNumber(args, 'len');
  for (const [end, isRef, writes] of [
    ['source', (flags & copyFlag.source_gref) !== 0, false],
    ['dest', (flags & copyFlag.dest_gref) !== 0, true],
  ] as const) {
    const side = args[end];
    const pointer = (typeof side === 'object' && side !== null ? side : {}) as RecordObject;
    const status = copyEnd(context, caller, pointer, isRef, writes);
    if (status !== grantStatus.okay) return { status };
    if (argNumber(pointer, 'offset') + length > PAGE_BYTES) return { status: grantStatus.bad_copy_arg };
  }
  return { status: grantStatus.okay };
};

function copyEnd(
  context: Context,
  caller: DomainId,
  pointer: RecordObject,
  isRef: boolean,
  writes: boolean,
): number {
  const domid = resolveDomain(context, caller, argNumber(pointer, 'domid'));
  if (domid === null) return grantStatus.bad_domain;
  if (!isRef) return domid === caller ? grantStatus.okay : grantStatus.permission_denied;
  const entry = context.state.gnttab[domid]?.entries[argNumber(pointer, 'ref_or_gmfn')];
  const mayUse = entry !== undefined && entry.to === caller && !(writes && entry.readonly);
  return mayUse ? grantStatus.okay : grantStatus.general_error;
}

/** Unlike the others this one answers in the result register. */
const setVersion: HypercallHandler = (context, { caller, args }) => {
  const version = argNumber(args, 'version');
  if (version !== 1 && version !== 2) return { ret: -errno.EINVAL };
  const current = context.state.gnttab[caller]?.version ?? 1;
  if (current !== version) context.emit('xen', 'grant.version', { domid: caller, version });
  return { ret: 0, out: { version } };
};

const getVersion: HypercallHandler = (context, { caller, args }) => {
  const domid = resolveDomain(context, caller, argNumber(args, 'dom'));
  if (domid === null) return { ret: -errno.ESRCH };
  if (domid !== caller && !mayActAsDeviceModel(context, caller, domid)) return { ret: -errno.EPERM };
  const version = context.state.gnttab[domid]?.version ?? 1;
  return { ret: 0, out: { dom: argNumber(args, 'dom'), pad: 0, version } };
};

/** `grant_table_op` sub-operations that a split driver needs. @source facts/xen 1.2; xen/common/grant_table.c */
export const grantTableOperations: OperationTable = {
  map_grant_ref: each(mapGrantRef),
  unmap_grant_ref: each(unmapGrantRef),
  setup_table: each(setupTable),
  copy: each(copy),
  query_size: each(querySize),
  set_version: setVersion,
  get_version: getVersion,
};
