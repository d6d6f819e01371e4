import type { ToolstackOp } from '../../../src/events/kinds/toolstack.js';
import type { XenstoreRecord } from '../../../src/importers/xenstored/record.js';

export type Request = Extract<XenstoreRecord, { is: 'request' }>;

/** A command of xl as its requests show it: what the administrator asked for, not what xl did about it. */
export interface Plan {
  readonly op: ToolstackOp;
  readonly domid: number | null;
  readonly devices: Asked[];
  readonly options: Record<string, string | boolean>;
  /** Driver that held the device of an assignable-add, where there was one. */
  readonly driver: string | null;
  /** It looked at XenStore and changed nothing there, so that the devices have to come from elsewhere. */
  readonly onlyLooked: boolean;
}

/** A device of a command. */
export interface Asked {
  readonly bdf: string;
  /** Options only the configuration can have brought in, as `key=value`. */
  readonly options: string[];
  /** `vslot << 3 | function` that stands in XenStore; 0: none. */
  vdevfn: number;
  /** What xl was given in place of the BDF; `?` when it looked for a name that nobody has. */
  name: string | null;
  /** Driver it took the device from by `seize`. */
  driver: string | null;
}

/** `/libxl/pci/0000-01-00-0/domid` */
const KEY = /^\/libxl\/pci\/([0-9a-f]{4,})-([0-9a-f]{2})-([0-9a-f]{2})-([0-7])\/(\w+)$/;
const DEVICE = /^\/local\/domain\/0\/backend\/pci\/(\d+)\/0\/(\w+)-(\d+)$/;
const LISTING = /^\/local\/domain\/0\/backend\/pci\/(\d+)\/0\/num_devs$/;

/** Paths whose requests belong to PCI passthrough. */
export const isPciPath = (path: string): boolean =>
  path.startsWith('/libxl/pci') || /^\/local\/domain\/\d+\/(backend|device)\/pci(\/|$)/.test(path);

/** What a command has looked at since its last claim, release or name. */
interface Looked {
  /** Guest whose devices were listed. */
  guest: number | null;
  /** The list of named devices was read. */
  names: boolean;
  /** Claims of pciback's devices were read. */
  claims: boolean;
  driver: 'not looked at' | 'read' | 'kept' | 'forgotten';
  driverPath: string | null;
  bdf: string | null;
  name: { readonly value: string | null } | null;
}

const nothing = (): Looked => ({
  guest: null,
  names: false,
  claims: false,
  driver: 'not looked at',
  driverPath: null,
  bdf: null,
  name: null,
});

/**
 * Commands of one connection in order. The requests are those of libxl_pci.c of 4.17: an attach reads the claims
 * before its own, a removal lists the guest's devices before it lets go, names are looked up in the list of names.
 */
export function plansOf(requests: readonly Request[]): readonly Plan[] {
  const plans: Plan[] = [];
  // Only a tool that prints the tree lists what is below a device or a key.
  if (requests.some(({ op, path }) => op === 'DIRECTORY' && (path === '/' || path.startsWith('/libxl/pci/'))))
    return plans;
  let looked = nothing();
  let domid: number | null = null;
  let creating: number | null = null;
  /** Where each device was claimed last. */
  const claims = new Map<string, number>();
  const current = (...ops: ToolstackOp[]): Plan | null => {
    const last = plans.at(-1);
    return last !== undefined && ops.includes(last.op) ? last : null;
  };
  const begin = (op: ToolstackOp, guest: number | null, more: Partial<Plan> = {}): Plan => {
    const plan = { op, domid: guest, devices: [], options: {}, driver: null, onlyLooked: false, ...more };
    plans.push(plan);
    return plan;
  };
  const attaching = (guest: number): Plan => {
    const op = creating === guest ? 'create' : 'attach';
    const last = current(op);
    return last?.domid === guest ? last : begin(op, guest);
  };

  for (const [at, request] of requests.entries()) {
    const { op, path, value } = request;
    if (op === 'INTRODUCE') creating = Number(path);
    domid = guestNamed(request) ?? domid;
    const ended = op === 'RM' ? /^\/local\/domain\/([1-9]\d*)$/.exec(path)?.[1] : undefined;
    const isNew = requests.slice(at).some((one) => one.op === 'INTRODUCE' && one.path === ended);
    if (ended !== undefined && !isNew) {
      // Whoever takes a domain's home away ended it, also when nothing of its devices was taken away before.
      if (!plans.some((plan) => plan.op === 'destroy' && plan.domid === Number(ended)))
        begin('destroy', Number(ended));
      looked = nothing();
    }
    if (!isPciPath(path)) continue;
    const guest = LISTING.exec(path)?.[1];
    if (op === 'READ' && guest !== undefined) looked.guest = Number(guest);
    if (op === 'DIRECTORY' && path === '/libxl/pci') {
      looked.names = true;
      looked.guest = null;
    }
    const key = KEY.exec(path);
    if (key === null) continue;
    const bdf = `${key[1]}:${key[2]}:${key[3]}.${key[4]}`;
    const isChange = op === 'WRITE' || op === 'RM';
    if (key[5] === 'domid' && op === 'READ') {
      looked.claims = true;
      looked.guest = null;
    } else if (key[5] === 'driver_path') {
      if (looked.name !== null) looked = flush(looked, begin);
      looked.bdf = bdf;
      looked.driver = op === 'WRITE' ? 'kept' : op === 'RM' ? 'forgotten' : 'read';
      if (op === 'WRITE') looked.driverPath = value;
    } else if (key[5] === 'name' && isChange) {
      if (looked.name !== null) looked = flush(looked, begin);
      looked.bdf = bdf;
      looked.name = { value: op === 'WRITE' ? value : null };
    } else if (key[5] === 'domid' && op === 'WRITE') {
      const plan = attaching(Number(value));
      plan.devices.push(asked(bdf, requests.slice(at), looked));
      claims.set(bdf, at);
      looked = nothing();
    } else if (key[5] === 'domid' && op === 'RM') {
      const claimed = current('create', 'attach')?.devices.some((one) => one.bdf === bdf) === true;
      if (claimed && !wasStored(requests.slice(claims.get(bdf) ?? 0, at), bdf)) {
        // A claim given back: the attach failed after it.
      } else if (looked.guest !== null) {
        const isEnd = requests.some((one) => one.op === 'RM' && one.path === `/local/domain/${looked.guest}`);
        const plan = current('destroy');
        if (isEnd && plan?.domid === looked.guest) plan.devices.push(plain(bdf));
        else begin(isEnd ? 'destroy' : 'detach', looked.guest).devices.push(plain(bdf));
      } else if ((creating ?? domid) !== null) {
        const plan = attaching((creating ?? domid)!);
        plan.devices.push(asked(bdf, [], looked));
      }
      looked = nothing();
    }
  }
  flush(looked, begin);
  return plans;
}

/** What was looked at and came to nothing more is a command about the list of assignable devices, or only a look. */
function flush(
  looked: Looked,
  begin: (op: ToolstackOp, guest: number | null, more?: Partial<Plan>) => Plan,
): Looked {
  const { bdf } = looked;
  if (bdf !== null && looked.names) {
    begin('assignable-remove', null, { options: { rebind: looked.driver === 'forgotten' } }).devices.push(
      plain(bdf),
    );
  } else if (bdf !== null) {
    const name = looked.name?.value ?? null;
    const options: Record<string, string> = name === null ? {} : { name };
    const onlyLooked = looked.name === null && looked.driver === 'read';
    const plan = begin('assignable-add', null, { driver: looked.driverPath, options, onlyLooked });
    plan.devices.push(plain(bdf));
  } else if (looked.names) begin('assignable-remove', null, { onlyLooked: true });
  else if (looked.guest !== null) begin('detach', looked.guest, { onlyLooked: true });
  else if (looked.claims) begin('assignable-list', null);
  return nothing();
}

const plain = (bdf: string): Asked => ({ bdf, options: [], vdevfn: 0, name: null, driver: null });

/** The guest a request speaks of; xl stops looking for a name at the domain that has it. */
function guestNamed({ op, path }: Request): number | null {
  const match = op === 'READ' ? /^\/(?:local\/domain|libxl)\/(\d+)\//.exec(path) : null;
  return match === null || match[1] === '0' ? null : Number(match[1]);
}

/** Whether the device's keys were written since, so that a removal of the claim is no failed attach. */
const wasStored = (since: readonly Request[], bdf: string): boolean =>
  since.some(({ op, path, value }) => op === 'WRITE' && /\/dev-\d+$/.test(path) && value === bdf);

/** A claimed device with what its keys tell of the configuration. */
function asked(bdf: string, after: readonly Request[], looked: Looked): Asked {
  const device = { ...plain(bdf), name: looked.names ? '?' : null };
  if (looked.bdf === bdf && looked.name !== null) {
    device.options.push('seize=1');
    device.driver = looked.driverPath;
  }
  const claim = `/libxl/pci/${bdf.replace(/[:.]/g, '-')}/domid`;
  const end = after.findIndex(({ op, path }) => op === 'RM' && path === claim);
  const own = end < 0 ? after : after.slice(0, end);
  const stored = own.findIndex(
    ({ op, path, value }) => op === 'WRITE' && /\/dev-\d+$/.test(path) && value === bdf,
  );
  const at = stored < 0 ? null : DEVICE.exec(own[stored]!.path);
  if (at === null) return device;
  const key = (name: string): string | null =>
    own
      .slice(stored)
      .find(
        ({ op, path }) =>
          op === 'WRITE' && path === `/local/domain/0/backend/pci/${at[1]}/0/${name}-${at[3]}`,
      )?.value ?? null;
  const given = (key('opts') ?? '').split(',');
  device.options.push(
    ...given.filter((one) => one !== '' && !one.endsWith('=0') && one !== 'rdm_policy=strict'),
  );
  device.vdevfn = Number.parseInt(key('vdevfn') ?? '0', 16);
  device.name = key('name') ?? device.name;
  return device;
}

/** A PCI_SPEC_STRING. A device model chooses a slot by itself; asking for the same one changes no key. */
export function specification({ bdf, name, vdevfn, options }: Asked): string {
  const slot = (vdevfn >>> 3).toString(16);
  const head = name === null ? (vdevfn === 0 ? bdf : `${bdf}@${slot}`) : `name=${name}`;
  return [head, ...(name !== null && vdevfn !== 0 ? [`vslot=${slot}`] : []), ...options].join(',');
}
