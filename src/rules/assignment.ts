import { domids, ownerText } from '../base/domid.js';
import { errno } from '../base/errno.js';
import { hex } from '../base/hex.js';
import { addRange, containsRange, emptyRangeSet, type RangeSet } from '../base/rangeset.js';
import { parseSpec } from '../models/libxl/spec.js';
import { machineName } from '../models/xen/assignment.js';
import { groupOf } from '../models/xen/device-group.js';

import { type FunctionId, formatFunction, functionBdf } from '../pci/function-id.js';
import { bdfOf, formatSbdf, sbdf, segmentOf, type XenSbdf } from '../pci/sbdf.js';
import type { PlatformFunction } from '../platform/platform.js';
import { isGuest } from './guests.js';
import { onAnswers } from './hypercalls.js';

import type { Rule, Watching } from './rule.js';

const noReset: Rule = {
  code: 'ASG-001',
  severity: 'error',
  title: 'A device went from one guest to another without a reset',
  doc: 'What the former owner programmed is still in the device: DMA addresses, interrupt messages, half-done requests.',
  watch: () => {
    const former = new Map<XenSbdf, number>();
    return {
      'device.reset': ({ data }) => {
        for (const name of [...former.keys()])
          if ((name & 0xffff) === functionBdf(data.function)) former.delete(name);
      },
      'linux.device-reset': ({ data }) => {
        if (data.method !== null) former.delete(data.sbdf as unknown as XenSbdf);
      },
      'device.assigned': ({ data }, watching) => {
        if (isGuest(watching, data.from)) former.set(data.sbdf, data.from);
        const last = former.get(data.sbdf);
        if (last === undefined || last === data.to || !isGuest(watching, data.to)) return;
        former.delete(data.sbdf);
        watching.report({
          message: `${formatSbdf(data.sbdf)} goes to d${data.to} as d${last} left it`,
          function: data.function,
          xenName: data.sbdf,
          evidence: { from: last, to: data.to },
        });
      },
    };
  },
};

const silentDevice: Rule = {
  code: 'ASG-018',
  severity: 'error',
  title: 'A guest got a device that does not answer',
  doc: 'It did not come back from a reset. pciback, Xen and xl carry on: nothing of the way to the next guest looks at the device itself.',
  watch: () => ({
    'device.assigned': ({ data }, watching) => {
      if (data.function === null || !isGuest(watching, data.to)) return;
      if (watching.state.hw.hung?.[data.function] !== 'now') return;
      watching.report({
        message: `${formatSbdf(data.sbdf)} goes to d${data.to} and answers nothing since its last reset`,
        function: data.function,
        xenName: data.sbdf,
        evidence: { to: data.to, from: data.from },
      });
    },
  }),
};

/** Memory base address registers of a function as they stand; sizes are not kept, so one page each. */
function memoryBars(fn: PlatformFunction, { state }: Watching): number[] {
  const found: number[] = [];
  const dword = (reg: number): number =>
    state.hw.config[fn.function]?.[reg] ??
    (fn.config[reg]! |
      (fn.config[reg + 1]! << 8) |
      (fn.config[reg + 2]! << 16) |
      (fn.config[reg + 3]! << 24)) >>>
      0;
  const last = (fn.config[0x0e]! & 0x7f) === 0 ? 0x24 : 0x14;
  for (let reg = 0x10; reg <= last; reg += 4) {
    const low = dword(reg);
    if ((low & 1) !== 0) continue;
    const isWide = (low & 6) === 4;
    const address = (isWide ? dword(reg + 4) * 0x1_0000_0000 : 0) + ((low & ~0xf) >>> 0);
    if (address !== 0) found.push(address);
    if (isWide) reg += 4;
  }
  return found;
}

/** Registers of a device whose frames a domain may use. */
function openTo(watching: Watching, domid: number, described: PlatformFunction): readonly number[] {
  const held = watching.state.permissions[domid]?.iomem;
  if (held === undefined) return [];
  return memoryBars(described, watching).filter((address) => {
    const frame = Math.floor(address / 4096);
    return containsRange(held, frame, frame);
  });
}

const stalePermission: Rule = {
  code: 'ASG-002',
  severity: 'warning',
  title: 'A guest may still map the registers of a device it does not have',
  doc: 'The device was taken from a guest whose access to its memory was not revoked, or never got there because the command failed: the guest can map the registers.',
  watch: (env) => {
    const functions = new Map<FunctionId, PlatformFunction>(
      env.platform.functions.map((fn) => [fn.function, fn]),
    );
    /** By domid: frames it was given since its last attach began. */
    const given = new Map<number, RangeSet>();
    return {
      'toolstack.requested': ({ data }) => {
        if (data.op === 'attach' && data.domid !== null) given.set(data.domid, emptyRangeSet());
      },
      'permission.changed': ({ data }) => {
        const frames = given.get(data.domid);
        if (frames !== undefined && data.resource === 'iomem' && data.allowed)
          addRange(frames, Number(data.first), Number(data.last));
      },
      'device.assigned': ({ data }, watching) => {
        const { from, function: fn } = data;
        const described = fn === null ? undefined : functions.get(fn);
        if (described === undefined || !isGuest(watching, from)) return;
        // A domain that is gone uses nothing.
        if (watching.state.domains[from] === undefined) return;
        const stale = openTo(watching, from, described);
        if (stale.length === 0) return;
        watching.report({
          message: `d${from} may still use ${stale.map((address) => hex(address)).join(', ')} of ${formatSbdf(data.sbdf)}, which is now ${data.to === domids.IO ? 'in quarantine' : `with d${data.to}`}`,
          function: data.function,
          xenName: data.sbdf,
          evidence: { domid: from, addresses: stale.map((address) => hex(address)) },
        });
      },
      'toolstack.finished': ({ data }, watching) => {
        const job = watching.state.toolstack.jobs[data.job];
        if (job?.op !== 'attach' || data.rc === 0) return;
        const domid = job.domid;
        if (!isGuest(watching, domid) || watching.state.domains[domid] === undefined) return;
        const frames = given.get(domid) ?? emptyRangeSet();
        for (const name of devicesOf(job.devices)) {
          const device = watching.state.xen.devices[name];
          const described = device?.function == null ? undefined : functions.get(device.function);
          if (device === undefined || described === undefined || device.owner === domid) continue;
          const left = openTo(watching, domid, described).filter((address) =>
            containsRange(frames, Math.floor(address / 4096), Math.floor(address / 4096)),
          );
          if (left.length === 0) continue;
          watching.report({
            message: `d${domid} may use ${left.map((address) => hex(address)).join(', ')} of ${formatSbdf(name)}, which it did not get: the attach failed (rc ${data.rc}) and took nothing back`,
            function: device.function,
            xenName: name,
            evidence: { domid, addresses: left.map((address) => hex(address)) },
          });
        }
      },
    };
  },
};

/** Devices a command names by address. */
const devicesOf = (specs: readonly string[]): readonly XenSbdf[] =>
  specs.flatMap((text) => {
    const parsed = parseSpec(text);
    return 'spec' in parsed && parsed.spec.device !== null ? [parsed.spec.device as number as XenSbdf] : [];
  });

const brokenDevice: Rule = {
  code: 'ASG-003',
  severity: 'error',
  title: 'A physical function was removed before its virtual ones',
  doc: 'Xen refuses and marks all of them broken: no guest gets one of them again until Xen has forgotten the device.',
  watch: () => ({
    'device.broken': ({ data }, { env, state, report }) => {
      const device = state.xen.devices[data.sbdf];
      // The physical function is marked last and speaks for the group.
      if (device === undefined || device.physfn !== null) return;
      const virtual = Object.entries(state.xen.devices)
        .filter(([, other]) => other.physfn === data.sbdf)
        .map(([name]) => formatSbdf(Number(name)));
      report({
        message: `${formatSbdf(data.sbdf)}${device.function === null ? '' : ` (${formatFunction(device.function, env.platform)})`} and its virtual functions ${virtual.join(', ')} are broken`,
        function: device.function,
        xenName: data.sbdf,
        evidence: { virtual },
      });
    },
  }),
};

const ownerless: Rule = {
  code: 'ASG-004',
  severity: 'error',
  title: 'A device without owner cannot be assigned',
  doc: 'Its IOMMU add failed and left an object nobody owns; Xen answers -EBUSY as if somebody had the device.',
  watch: () =>
    onAnswers(
      ({ data }) => data.hypercall === 'domctl' && data.op === 'assign_device',
      ({ data }, answer, { state, report }) => {
        const name = machineName(data.args);
        const device = state.xen.devices[name];
        if (answer.data.ret !== -errno.EBUSY || device === undefined || device.owner !== null) return;
        report({
          message: `assign_device ${formatSbdf(name)} says -EBUSY, but nobody has the device: its set-up failed`,
          function: device.function,
          xenName: name,
          evidence: { ret: answer.data.ret },
        });
      },
    ),
};

/** Who else of a group may not have a function while a guest has one: its DMA carries the same requester id. */
const partialGroup: Rule = {
  code: 'ASG-011',
  severity: 'error',
  title: 'A guest got a part of an IOMMU group',
  doc: 'Behind a legacy PCI bridge all functions send one requester id: the guest reaches what its neighbours may reach, or they what it may.',
  watch: () => ({
    'device.assigned': ({ data }, watching) => {
      const { env, state, report } = watching;
      if (env.platform.arch !== 'x86_64' || !isGuest(watching, data.to)) return;
      const group = groupOf({ env, state }, data.sbdf);
      const others = Object.entries(state.xen.devices)
        .map(([name, device]) => ({ name: Number(name) as XenSbdf, device }))
        .filter(
          ({ name, device }) => name !== data.sbdf && device.owner !== data.to && device.owner !== domids.IO,
        )
        // The bridge that makes the group is part of the way, not of the group.
        .filter(({ name }) => name !== group && groupOf({ env, state }, name) === group);
      if (others.length === 0) return;
      report({
        message: `${formatSbdf(data.sbdf)} goes to d${data.to}, ${others.map(({ name, device }) => `${formatSbdf(name)} of the same group stays with ${ownerText(device.owner)}`).join(', ')}`,
        function: data.function,
        xenName: data.sbdf,
        evidence: { group: formatSbdf(group), others: others.map(({ name }) => formatSbdf(name)) },
      });
    },
  }),
};

/** Permissions are whole frames, BARs need not be. @source SUPPORT.md of Xen (x86/PCI passthrough) */
const sharedPage: Rule = {
  code: 'ASG-013',
  severity: 'error',
  title: 'Registers of two owners share a page',
  doc: 'Access to registers is granted by frames of 4 KiB: who gets a device with a smaller BAR may map what else stands in that frame.',
  watch: (env) => {
    const functions = env.platform.functions;
    const frames = (fn: PlatformFunction, watching: Watching): number[] =>
      memoryBars(fn, watching).map((address) => Math.floor(address / 4096));
    return {
      'device.assigned': ({ data }, watching) => {
        const own = functions.find((fn) => fn.function === data.function);
        if (own === undefined || !isGuest(watching, data.to)) return;
        const mine = frames(own, watching);
        for (const [key, { function: fn, owner }] of Object.entries(watching.state.xen.devices)) {
          if (fn === null || fn === data.function || owner === data.to || owner === domids.IO) continue;
          const other = functions.find((one) => one.function === fn);
          const frame =
            other === undefined ? undefined : frames(other, watching).find((at) => mine.includes(at));
          if (frame === undefined) continue;
          const name = Number(key) as XenSbdf;
          watching.report({
            message: `${formatSbdf(data.sbdf)} of d${data.to} and ${formatSbdf(name)} of ${ownerText(owner)} have registers in frame ${hex(frame)}: each may map those of the other`,
            function: data.function,
            xenName: data.sbdf,
            evidence: { frame: hex(frame), other: formatSbdf(name), owner },
          });
        }
      },
    };
  },
};

/** Reserved memory of a device that other devices need too. @source xen/drivers/passthrough/vtd/iommu.c */
function sharedWith({ env }: Watching, name: XenSbdf): { readonly base: number; readonly others: XenSbdf[] } {
  const region = (env.platform.x86?.reservedRegions ?? []).find(
    ({ segment, devices }) =>
      segment === segmentOf(name) && devices.length > 1 && devices.includes(bdfOf(name)),
  );
  const others = (region?.devices ?? [])
    .filter((other) => other !== bdfOf(name))
    .map((other) => sbdf<XenSbdf>(segmentOf(name), other));
  return { base: region?.base ?? 0, others };
}

const sharedRegion: Rule = {
  code: 'ASG-012',
  severity: 'error',
  title: 'Devices share reserved memory',
  doc: 'Firmware keeps one piece of memory for several devices. Whoever gets one of them can write what the others read, so Xen refuses unless the toolstack says relaxed.',
  watch: () => {
    const refused = onAnswers(
      ({ data }) => data.hypercall === 'domctl' && data.op === 'assign_device',
      ({ data }, answer, watching) => {
        const name = machineName(data.args);
        const { base, others } = sharedWith(watching, name);
        if (answer.data.ret !== -errno.EPERM || others.length === 0) return;
        watching.report({
          message: `${formatSbdf(name)} was refused to d${Number(data.args['domain'])}: it shares reserved memory at ${hex(base)} with ${others.map(formatSbdf).join(', ')}`,
          function: watching.state.xen.devices[name]?.function ?? null,
          xenName: name,
          evidence: { base: hex(base), others: others.map(formatSbdf) },
        });
      },
    );
    return {
      ...refused,
      'device.assigned': ({ data }, watching) => {
        if (!isGuest(watching, data.to)) return;
        const { base, others } = sharedWith(watching, data.sbdf);
        const elsewhere = others.filter((other) => watching.state.xen.devices[other]?.owner !== data.to);
        if (elsewhere.length === 0) return;
        watching.report({
          message: `d${data.to} has ${formatSbdf(data.sbdf)} and with it reserved memory at ${hex(base)} that ${elsewhere.map((other) => `${formatSbdf(other)} of ${ownerText(watching.state.xen.devices[other]?.owner ?? null)}`).join(', ')} uses`,
          function: data.function,
          xenName: data.sbdf,
          evidence: { base: hex(base), others: elsewhere.map(formatSbdf) },
        });
      },
    };
  },
};

/** Rules about who owns a device. @source facts/xen 2.4, 7.2 */
export const assignmentRules: readonly Rule[] = [
  noReset,
  stalePermission,
  brokenDevice,
  ownerless,
  partialGroup,
  sharedRegion,
  sharedPage,
  silentDevice,
];
