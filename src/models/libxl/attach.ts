import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { type Dom0Sbdf, formatSbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { PCIBACK } from '../linux/sysfs.js';
import { domainPath } from '../xenstore/xenbus.js';
import { answerName, assignableAdd, assignableDevices, namesInStore, storeOf } from './assignable.js';
import { lookUpName } from './by-name.js';
import { refusedAtCreation } from './create-gate.js';
import { deviceAddArguments, deviceModelTakes, unopened } from './device-model.js';
import { rc } from './errors.js';
import { deviceFile, libxlPath, messageName, qemuId } from './names.js';
import { permitInterrupt, permitRegions } from './resources.js';
import { emptySpec, type PciSpec, parseSpec } from './spec.js';
import type { Next, StepIo, Steps } from './step.js';
import { addToStore } from './xenstore-device.js';

const RDM_RELAXED = 1;
const MAX_RETRIES = 10;

/** Which device of the command is in work; both passes run over all of them. */
const at = (io: StepIo): number => io.recall('index', 0);

function specOf(io: StepIo, index = at(io)): PciSpec {
  const parsed = parseSpec(io.job.devices[index] ?? '');
  const device = io.recall<number | null>(`device-${index}`, null) as Dom0Sbdf | null;
  const spec = 'spec' in parsed ? parsed.spec : emptySpec;
  return device === null ? spec : { ...spec, device };
}

/** The device a step works on. */
export const deviceOf = (io: StepIo): Dom0Sbdf => (specOf(io).device ?? 0) as Dom0Sbdf;

/** Whether a step has work at all: `.*` looks at every function of the slot, `seize` and `permissive` at the files of pciback. */
export function isWanted(io: StepIo, step: string): boolean {
  const { allFunctions, seize, permissive } = specOf(io);
  switch (step) {
    case 'choose-functions':
    case 'stub-connected':
      return allFunctions;
    case 'seize':
      return seize;
    case 'permissive':
    case 'stub-permissive':
      return permissive;
    default:
      return true;
  }
}

/** Whose backend the command works on and waits for: the stub domain's or the guest's. */
const subjectOf = (io: StepIo): number => io.recall('subject', io.domid);

/**
 * Any failure takes the domid key back and names the device as it was asked for. A domain's other devices are brought
 * in all the same; what failed is said once more at the end. @source facts/dom0 8.5; libxl_pci.c `device_pci_add_done`
 */
function abandon(io: StepIo, code: number): Next {
  const { name } = specOf(io);
  const device = deviceOf(io);
  const asked = name === null ? messageName(device) : `'${name}'`;
  io.store.remove(libxlPath(device, 'domid'));
  io.log('error', `libxl__device_pci_add failed for PCI device ${asked} (rc ${code})`);
  const goesOn = hasBehaviour(io.context.env.behaviour, 'creation-goes-on');
  if (io.job.op !== 'create' || !goesOn) return { rc: code };
  io.vars['failed'] = [...failedOf(io), at(io)];
  io.vars['rc'] = code;
  return nextDevice(io, ofSecondPass.has(io.job.next ?? '') ? 'added' : 'refused');
}

const ofSecondPass: ReadonlySet<string> = new Set([
  'stub-connected',
  'add-to-dm',
  'dm-added',
  'find-in-dm',
  'grant',
  'interrupt',
  'permissive',
  'assign',
  'store',
]);

/** Devices of a new domain that were refused, by their place in the configuration. */
const failedOf = (io: StepIo): readonly number[] => io.recall<readonly number[]>('failed', []);

function refuse(io: StepIo, text: string, code: number = rc.FAIL): Next {
  io.log('error', text);
  return abandon(io, code);
}

/**
 * `seize`: what pci-assignable-add does, before the device is looked for among the assignable ones. A name xl was given
 * stays the device's. @source tools/libs/light/libxl_pci.c of 4.17, `libxl__device_pci_add`
 */
const seizing: Steps = Object.fromEntries(
  Object.entries(assignableAdd)
    .filter(([step]) => step !== 'start')
    .map(([step, run]) => [
      `seize-${step}`,
      (io: StepIo): Next => {
        io.vars['bdf'] = formatSbdf(deviceOf(io));
        io.vars['name'] = specOf(io).name;
        const next = run(io);
        if ('to' in next) return { ...next, to: `seize-${next.to}` };
        if ('rc' in next) return next.rc === rc.OK ? { to: 'check-assignable' } : abandon(io, next.rc);
        return next;
      },
    ]),
);

/**
 * `xl pci-attach`, and the PCI part of a domain's creation. The first pass brings each device to the point where the
 * device model is asked; the second finishes one after the other. @source facts/dom0 8.5, Appendix B
 */
export const attach: Steps = {
  start: (io) => {
    for (const text of io.job.devices) {
      const parsed = parseSpec(text);
      if ('error' in parsed) {
        io.log('error', parsed.error);
        const how =
          io.job.op === 'create'
            ? `unable to parse PCI_SPEC_STRING \`${text}' for passthrough`
            : `pci-attach: malformed PCI_SPEC_STRING "${text}"`;
        return io.fail(how, rc.INVAL);
      }
    }
    const refused = io.job.op === 'create' ? refusedAtCreation(io) : null;
    if (refused !== null) return io.fail(refused, rc.INVAL);
    if (io.job.devices.length === 0) return { rc: rc.OK };
    return { to: io.job.op === 'create' ? 'make-home' : 'find-by-name' };
  },
  /** What of a new domain's home the PCI keys stand in. */
  'make-home': (io) => {
    const home = domainPath(io.domid);
    if (io.store.read(`${home}/name`) === null) {
      const name = io.context.state.domains[io.domid]?.name ?? '';
      io.store.transaction(() => {
        io.store.make(home, `n0 r${io.domid}`);
        io.store.write(`${home}/name`, name);
        io.store.make(`${home}/device`, `n0 r${io.domid}`);
        io.store.write(`/libxl/${io.domid}/type`, io.guestType);
        if (io.stubdom !== null) makeStubdomHome(io, io.stubdom);
      });
    }
    return { to: 'find-by-name' };
  },
  'find-by-name': (io) => {
    const { name } = specOf(io);
    if (name !== null) {
      const { device, found } = lookUpName(io, name);
      io.vars[`device-${at(io)}`] = device;
      if (!found) return abandon(io, rc.NOTFOUND);
    }
    return { to: io.guestType === 'hvm' ? 'test-assign' : 'seize' };
  },
  'test-assign': (io) => {
    const device = deviceOf(io);
    const ret = io.domctl('test_assign_device', { dev: 0, flags: 0, machine_sbdf: device });
    if (ret === 0) return { to: 'seize' };
    const name = formatSbdf(device);
    // What xc_test_assign_device returned becomes the error. @source recordings; libxl_pci.c `libxl__device_pci_add`
    const code = hasBehaviour(io.context.env.behaviour, 'creation-goes-on') ? -1 : rc.FAIL;
    const text =
      ret === -95
        ? `PCI device ${name} cannot be assigned - no IOMMU?`
        : `PCI device ${name} already assigned to a different guest?`;
    return refuse(io, text, code);
  },
  seize: (io) => {
    if (!specOf(io).seize) return { to: 'check-assignable' };
    const name = formatSbdf(deviceOf(io));
    const asksStore =
      storeOf(io) !== 'pciback' && hasBehaviour(io.context.env.behaviour, 'seize-asks-the-store');
    if (!io.isFar && !asksStore)
      return { to: io.exists(`${PCIBACK}/${name}`) ? 'check-assignable' : 'seize-find-device' };
    // Only a list without it makes libxl seize: no list is an error, which passes for listed. @source facts/dom0 8.5 step 4
    const listed = namesInStore(io);
    if (listed === null || listed.includes(name)) return { to: 'check-assignable' };
    return { to: asksStore ? 'seize-mark' : 'seize-bind-there' };
  },
  ...seizing,
  'check-assignable': (io) => {
    const device = deviceOf(io);
    const free = assignableDevices(io) ?? [];
    if (free.some((one) => one.device === device)) return { to: 'claim' };
    return refuse(io, `PCI device ${messageName(device)} is not assignable`);
  },
  claim: (io) => {
    io.store.write(libxlPath(deviceOf(io), 'domid'), String(io.domid));
    return { to: 'reset' };
  },
  /** The result is ignored. @source facts/dom0 8.7 */
  reset: (io) => {
    resetDevice(io, deviceOf(io));
    return { to: io.stubdom === null ? 'choose-functions' : 'stub-grant' };
  },
  /** The stub domain first: it gets permissions and keys like a PV guest, but never the device. */
  'stub-grant': (io) => {
    io.vars['subject'] = io.stubdom;
    return permitRegions(io, deviceOf(io), true, subjectOf(io))
      ? { to: 'stub-interrupt' }
      : abandon(io, rc.FAIL);
  },
  'stub-interrupt': (io) =>
    permitInterrupt(io, deviceOf(io), subjectOf(io)) ? { to: 'stub-permissive' } : abandon(io, rc.FAIL),
  'stub-permissive': (io) => makePermissive(io) ?? { to: 'stub-wait-backend' },
  /** It has been running since before the guest was built, so that a second device waits for the first. */
  'stub-wait-backend': (io) =>
    io.store.read(`${io.backendFor(subjectOf(io))}/num_devs`) === null
      ? { to: 'stub-store' }
      : { wait: 'backend', to: 'stub-store' },
  'stub-store': (io) => {
    const stub = subjectOf(io);
    if (io.woken.by === 'timeout') return refuse(io, `Backend ${io.backendFor(stub)} not ready`);
    const spec = specOf(io);
    addToStore(io, deviceOf(io), spec, spec.vdevfn, false, stub);
    return nextDevice(io, 'functions-chosen');
  },
  /** Sixty seconds until the stub domain's pcifront has met its backend. */
  'stub-connect': () => ({ wait: 'backend', to: 'stub-connected' }),
  'stub-connected': (io) => {
    if (io.woken.by === 'timeout') return abandon(io, rc.TIMEDOUT);
    return chooseFunctions(io) ?? { to: 'add-to-dm' };
  },
  'choose-functions': (io) => chooseFunctions(io) ?? nextDevice(io, 'functions-chosen'),
  /** Second pass. */
  'add-to-dm': (io) => {
    if (io.guestType !== 'hvm') return { to: 'grant' };
    if (io.woken.by === 'timeout') return abandon(io, rc.TIMEDOUT);
    io.ask('device_add', deviceAddArguments(deviceOf(io), specOf(io)));
    const missing = unopened(io.context, deviceOf(io), io.stubdom);
    if (missing !== null) {
      io.refused('device_add', missing);
      return refuse(io, missing.text, rc.QMP_GENERIC_ERROR);
    }
    return { wait: 'qmp', to: 'dm-added' };
  },
  'dm-added': (io) => {
    if (io.woken.by === 'timeout') return abandon(io, rc.TIMEDOUT);
    if (!io.woken.ok) return retry(io) ?? refuse(io, io.woken.reply, rc.QMP_GENERIC_ERROR);
    io.ask('query-pci', {});
    return { wait: 'qmp', to: 'find-in-dm' };
  },
  'find-in-dm': (io) => {
    const device = deviceOf(io);
    if (io.woken.by === 'timeout') return abandon(io, rc.TIMEDOUT);
    if (!io.woken.ok || io.woken.reply === '') {
      return refuse(io, `PCI device id '${qemuId(device)}' wasn't found in QEMU's 'query-pci' response.`);
    }
    const vdevfn = Number.parseInt(io.woken.reply, 16);
    io.vars[`vdevfn-${at(io)}`] = vdevfn;
    deviceModelTakes(io.context, io.domid, device, vdevfn, io.stubdom ?? undefined);
    return { to: 'grant' };
  },
  grant: (io) => (permitRegions(io, deviceOf(io), true) ? { to: 'interrupt' } : abandon(io, rc.FAIL)),
  interrupt: (io) => {
    if (io.context.env.platform.arch === 'arm64') return { to: 'assign' };
    const { by, errno: failed = 0 } = io.woken;
    if (by === 'reply' && failed !== 0 && failed !== -errno.ENOENT)
      return refuse(io, `xc_physdev_map_pirq of ${formatSbdf(deviceOf(io))} (${answerName(failed)})`);
    // A missing `irq` file skips `permissive` too, and nothing else. @source facts/dom0 8.5 step 12
    if (!io.exists(deviceFile(deviceOf(io), 'irq'))) return { to: 'assign' };
    return permitInterrupt(io, deviceOf(io)) ? { to: 'permissive' } : abandon(io, rc.FAIL);
  },
  permissive: (io) => makePermissive(io) ?? { to: 'assign' },
  assign: (io) => {
    const spec = specOf(io);
    const flags = spec.rdmPolicy === 'relaxed' ? RDM_RELAXED : 0;
    const ret = io.domctl('assign_device', { dev: 0, flags, machine_sbdf: deviceOf(io) });
    // With a stub domain the keys stand below that domain only. @source facts/dom0 8.5 step 14
    const next = io.stubdom === null ? 'wait-backend' : 'done';
    if (ret === 0 || (io.guestType !== 'hvm' && ret === -38)) return { to: next };
    return refuse(io, `xc_assign_device failed: ${errorText(ret)}`);
  },
  'wait-backend': (io) => {
    const starting = io.job.op === 'create';
    const held = io.store.read(`${io.backend}/num_devs`);
    if (held === null || starting || io.guestType !== 'pv') return { to: 'store' };
    return { wait: 'backend', to: 'store' };
  },
  store: (io) => {
    if (io.woken.by === 'timeout') return refuse(io, `Backend ${io.backend} not ready`);
    const spec = specOf(io);
    const vdevfn = io.recall(`vdevfn-${at(io)}`, spec.vdevfn);
    addToStore(io, deviceOf(io), spec, vdevfn, io.job.op === 'create');
    return nextDevice(io, 'added');
  },
  done: (io) => nextDevice(io, 'added'),
};

/** `*`: the functions there are, all of them with pciback. @returns a refusal, or null */
function chooseFunctions(io: StepIo): Next | null {
  const spec = specOf(io);
  if (!spec.allFunctions) return null;
  if (spec.vdevfn === 0) return refuse(io, 'Must specify a v-slot for multi-function devices', rc.INVAL);
  let highest = -1;
  for (let fn = 7; fn >= 0; fn--) {
    const sibling = ((deviceOf(io) & ~7) + fn) as Dom0Sbdf;
    const [isThere, isBound] = functionState(io, sibling);
    if (!isThere) continue;
    if (!isBound()) {
      return refuse(io, `${formatSbdf(sibling)} is not assigned to pciback driver`, rc.FAIL);
    }
    highest = Math.max(highest, fn);
  }
  // Since 4.13 the loop from 7 down ends after its first function. @source facts/dom0 8.5 step 9
  if (highest >= 0) io.vars[`device-${at(io)}`] = (deviceOf(io) & ~7) + highest;
  return null;
}

/** @returns a refusal, or null */
function makePermissive(io: StepIo): Next | null {
  if (!specOf(io).permissive) return null;
  const failed = io.write(`${PCIBACK}/permissive`, formatSbdf(deviceOf(io)));
  if (failed === 0) return null;
  // Over the channel its errno is all that is known of it.
  const how = io.woken.by === 'reply' ? ` (${answerName(failed)})` : '';
  return refuse(io, `Setting permissive for device${how}`);
}

/**
 * The files of a device may appear in a stub domain after its backend says Connected: a second's wait and another
 * try, ten times at most (since 4.17, the oldest release here). The ten seconds for the whole of it run on. @source facts/dom0 8.5 step 10
 */
function retry(io: StepIo): Next | null {
  const tries = io.recall('retries', 0) + 1;
  if (io.stubdom === null || tries > MAX_RETRIES) return null;
  io.vars['retries'] = tries;
  io.log('error', io.woken.reply);
  io.log('error', `Retrying PCI add ${tries}`);
  return { wait: 'retry', to: 'add-to-dm' };
}

/** What of a stub domain's home the PCI keys stand in. */
function makeStubdomHome(io: StepIo, stub: DomainId): void {
  const home = domainPath(stub);
  io.store.make(home, `n0 r${stub}`);
  io.store.write(`${home}/name`, io.context.state.domains[stub]?.name ?? '');
  io.store.make(`${home}/device`, `n0 r${stub}`);
  io.store.write(`${home}/target`, String(io.domid));
  io.store.write(`/libxl/${stub}/type`, 'pv');
  io.store.write(`${domainPath(io.domid)}/image/device-model-domid`, String(stub));
}

/** After the first pass over all devices comes the second; after that the end. */
function nextDevice(io: StepIo, done: 'functions-chosen' | 'added' | 'refused'): Next {
  // Only a device model makes anybody wait, so elsewhere each device runs through.
  const together = io.guestType === 'hvm';
  const count = io.job.devices.length;
  const index = at(io) + 1;
  if (done === 'functions-chosen' && !together) return { to: 'add-to-dm' };
  if (done !== 'added' && index < count) {
    io.vars['index'] = index;
    return { to: 'find-by-name' };
  }
  const isFirst = done !== 'added' && together;
  let next = isFirst ? 0 : index;
  while (together && failedOf(io).includes(next)) next += 1;
  if (next >= count) return finish(io);
  io.vars['index'] = next;
  if (io.stubdom !== null && !isFirst) io.vars['retries'] = 0;
  if (!together) return { to: 'find-by-name' };
  return { to: io.stubdom === null ? 'add-to-dm' : 'stub-connect' };
}

/** @source tools/libs/light/libxl_create.c of 4.17, `domcreate_attach_devices` */
function finish(io: StepIo): Next {
  const code = io.recall('rc', rc.OK as number);
  return code === rc.OK ? { rc: rc.OK } : io.fail('unable to add pci devices', code);
}

/** Whether a function is there and with pciback; the answer of another hardware domain says both of all functions. */
function functionState(io: StepIo, device: Dom0Sbdf): readonly [isThere: boolean, isBound: () => boolean] {
  const name = formatSbdf(device);
  if (io.woken.by === 'reply') {
    const told = io.woken.reply.split(' ').find((one) => one.startsWith(`${name}=`));
    return [told !== undefined, () => told === `${name}=pciback`];
  }
  return [io.exists(deviceFile(device, '')), () => io.exists(`${PCIBACK}/${name}`)];
}

/** `do_flr` where a kernel has it, else the device's own `reset`. @source facts/dom0 8.7 */
export function resetDevice(io: StepIo, device: Dom0Sbdf): void {
  if (io.exists(`${PCIBACK}/do_flr`)) {
    io.write(`${PCIBACK}/do_flr`, formatSbdf(device));
    return;
  }
  const path = deviceFile(device, 'reset');
  if (!io.exists(path)) {
    io.log('error', `The kernel doesn't support reset from sysfs for PCI device ${formatSbdf(device)}`);
    return;
  }
  const ret = io.write(path, '1');
  if (ret < 0) io.log('error', `write to ${path} failed: ${errorText(ret)}`);
}

const texts: Readonly<Record<number, string>> = {
  1: 'Operation not permitted',
  9: 'Bad file descriptor',
  16: 'Device or resource busy',
  18: 'Invalid cross-device link',
  19: 'No such device',
  22: 'Invalid argument',
  25: 'Inappropriate ioctl for device',
  95: 'Operation not supported',
};
/** What `strerror` says of a negative errno. */
export const errorText = (ret: number): string => texts[-ret] ?? `error ${ret}`;
