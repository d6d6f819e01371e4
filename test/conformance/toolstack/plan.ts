import type { ToolstackOp } from '../../../src/events/kinds/toolstack.js';
import type { XenstoreRecord } from '../../../src/importers/xenstored-trace.js';

type Request = Extract<XenstoreRecord, { is: 'request' }>;

/** A command of xl as its requests show it: what the administrator asked for, not what xl did about it. */
export interface Plan {
  readonly op: ToolstackOp;
  domid: number | null;
  /** Device specifications in order. */
  readonly devices: string[];
  readonly options: Record<string, string | boolean>;
  /** Driver that held the device, where there was one. */
  driver: string | null;
  /** First request that belongs to it. */
  readonly line: number;
}

/** `/libxl/pci/0000-01-00-0/domid` */
const KEY = /^\/libxl\/pci\/([0-9a-f]{4})-([0-9a-f]{2})-([0-9a-f]{2})-([0-7])\/(\w+)$/;
const DEVICE = /^\/local\/domain\/0\/backend\/pci\/(\d+)\/0\/(\w+)-(\d+)$/;

/** Paths whose requests belong to PCI passthrough. */
export const isPciPath = (path: string): boolean =>
  path.startsWith('/libxl/pci') || /^\/local\/domain\/\d+\/(backend|device)\/pci(\/|$)/.test(path);

/** Commands of one connection in order. */
export function plansOf(requests: readonly Request[]): readonly Plan[] {
  const own = requests.filter(({ path }) => isPciPath(path));
  if (own.length === 0) return [];
  const moves = own.filter(
    ({ op, path, value }) => isDomidKey(path) && (op === 'WRITE' || op === 'RM') && value !== '',
  );
  if (moves.length === 0) return assignability(own);
  const plans: Plan[] = [];
  let current: Plan | null = null;
  for (const request of moves) {
    const bdf = bdfIn(request.path)!;
    if (request.op === 'WRITE') {
      if (current === null || (current.op !== 'create' && current.op !== 'attach')) {
        const domid = Number(request.value);
        current = {
          op: requests.some(({ op, path }) => op === 'INTRODUCE' && path === String(domid))
            ? 'create'
            : 'attach',
          domid,
          devices: [],
          options: {},
          driver: null,
          line: request.line,
        };
        plans.push(current);
      }
      current.devices.push(specification(bdf, own, request));
    } else if (
      current === null ||
      !current.devices.some((spec) => spec.startsWith(bdf)) ||
      wasStored(own, bdf, request)
    ) {
      const domid = domidOf(own);
      const isEnd = requests.some(({ op, path }) => op === 'RM' && path === `/local/domain/${domid}`);
      if (current !== null && current.op === 'destroy') {
        current.devices.push(bdf);
        continue;
      }
      current = {
        op: isEnd ? 'destroy' : 'detach',
        domid,
        devices: [bdf],
        options: {},
        driver: null,
        line: firstOfRemoval(own, request.line),
      };
      plans.push(current);
    }
  }
  return plans;
}

const isDomidKey = (path: string): boolean => KEY.exec(path)?.[5] === 'domid';

function bdfIn(path: string): string | null {
  const match = KEY.exec(path);
  return match === null ? null : `${match[1]}:${match[2]}:${match[3]}.${match[4]}`;
}

function domidOf(requests: readonly Request[]): number | null {
  for (const { path } of requests) {
    const match = /\/(?:backend\/pci|domain)\/(\d+)\/(?:0|device)/.exec(path);
    if (match !== null && match[1] !== '0') return Number(match[1]);
  }
  return null;
}

/** Whether the device's keys were written before, so that a removal of the claim is no failed attach. */
const wasStored = (requests: readonly Request[], bdf: string, before: Request): boolean =>
  requests.some(
    ({ op, path, value, line }) =>
      op === 'WRITE' && /\/dev-\d+$/.test(path) && value === bdf && line < before.line,
  );

const firstOfRemoval = (requests: readonly Request[], last: number): number =>
  requests.find(
    ({ path, value, op, line }) =>
      line <= last && op === 'WRITE' && /\/state-\d+$/.test(path) && value === '5',
  )?.line ?? last;

/** The device with the options that only the configuration can have brought in. */
function specification(bdf: string, requests: readonly Request[], claim: Request): string {
  const stored = requests.find(
    ({ op, path, value, line }) =>
      op === 'WRITE' && /\/dev-\d+$/.test(path) && value === bdf && line > claim.line,
  );
  const at = stored === undefined ? null : DEVICE.exec(stored.path);
  if (at === null) return bdf;
  const key = (name: string): string | null =>
    requests.find(
      ({ op, path, line }) =>
        op === 'WRITE' &&
        line >= stored!.line &&
        path === `/local/domain/0/backend/pci/${at[1]}/0/${name}-${at[3]}`,
    )?.value ?? null;
  const options = (key('opts') ?? '')
    .split(',')
    .filter((option) => option !== '' && !option.endsWith('=0') && option !== 'rdm_policy=strict');
  // A device model chooses a slot by itself; asking for the same one changes no key.
  const vdevfn = Number.parseInt(key('vdevfn') ?? '0', 16);
  const place = vdevfn === 0 ? bdf : `${bdf}@${(vdevfn >>> 3).toString(16)}`;
  return [place, ...options].join(',');
}

/** Commands about the list of assignable devices. */
function assignability(requests: readonly Request[]): readonly Plan[] {
  const plan = (op: ToolstackOp, devices: readonly string[], more: Partial<Plan> = {}): Plan => ({
    op,
    domid: null,
    devices: [...devices],
    options: {},
    driver: null,
    line: requests[0]!.line,
    ...more,
  });
  const name = requests.find(
    ({ op, path }) => (op === 'RM' || op === 'WRITE') && KEY.exec(path)?.[5] === 'name',
  );
  if (name === undefined) {
    const isList = requests.every(
      ({ op, path }) => op === 'READ' && ['domid', 'name'].includes(KEY.exec(path)?.[5] ?? ''),
    );
    return isList ? [plan('assignable-list', [])] : [];
  }
  const bdf = bdfIn(name.path)!;
  if (requests.some(({ op, path }) => op === 'DIRECTORY' && path === '/libxl/pci')) {
    const rebind = requests.some(({ op, path }) => op === 'RM' && KEY.exec(path)?.[5] === 'driver_path');
    return [plan('assignable-remove', [bdf], { options: { rebind } })];
  }
  const driver =
    requests.find(({ op, path }) => op === 'WRITE' && KEY.exec(path)?.[5] === 'driver_path')?.value ?? null;
  const options: Record<string, string | boolean> = name.op === 'WRITE' ? { name: name.value ?? '' } : {};
  return [plan('assignable-add', [bdf], { driver, options })];
}

/** A command of the job's own log: `@@ 157.90 assignable-remove -r 01:00.0`. */
export interface Typed {
  readonly op: 'assignable-add' | 'assignable-remove';
  readonly device: string;
  readonly rebind: boolean;
}

/** Commands about assignability that name their device, in order; those that fail early never reach XenStore. */
export function typedCommands(log: string): readonly Typed[] {
  const line =
    /^@@ [\d.]+ (assignable-(?:add|remove))( -r)? ((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])/gm;
  return [...log.matchAll(line)].map(([, op, rebind, bdf]) => ({
    op: op as Typed['op'],
    device: bdf!.length === 7 ? `0000:${bdf}` : bdf!,
    rebind: rebind !== undefined,
  }));
}
