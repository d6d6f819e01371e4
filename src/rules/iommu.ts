import type { DomainId, EventSeq } from '../base/brand.js';
import { hex, hexPad } from '../base/hex.js';
import type { DataOf, EventOf } from '../events/catalogue.js';
import { hardwareIds } from '../models/hardware/smmu/hardware-ids.js';
import { hasPci } from '../models/xen/arm-bridges.js';
import { driverDomain } from '../models/xen/guest-msi/driver-domain.js';
import { bridgeOf, type FunctionId, formatFunction, functionBdf } from '../pci/function-id.js';
import { type Dom0Sbdf, formatSbdf, type XenSbdf } from '../pci/sbdf.js';
import { mapId } from '../platform/id-map.js';
import { sharedIdsOf } from './map-overlap.js';
import { about } from './msi.js';
import { deviceNamed, meantByDom0 } from './names.js';
import type { Rule, Watcher, Watching } from './rule.js';

/** StreamIDs print with five digits, the width of a bus and a bridge. */
const stream = (id: number): string => `0x${hexPad(id, 5)}`;

const wrongStream: Rule = {
  code: 'IOM-001',
  severity: 'error',
  title: "The StreamID Xen programmed is not the device's",
  doc: 'Xen computed the StreamID from another host bridge than the one the device sits behind: the device keeps whatever its own StreamID had.',
  watch: () => {
    const check = (name: XenSbdf, taken: FunctionId | null, owner: DomainId, watching: Watching): void => {
      const { env, state } = watching;
      if (taken === null || env.platform.arch !== 'arm64' || env.policies.iommu !== 'on') return;
      const meant = meantByDom0(state, env, name as number as Dom0Sbdf);
      if (meant === null || meant === taken) return;
      const [programmed, real] = [hardwareIds(env.platform, taken), hardwareIds(env.platform, meant)];
      if (programmed.smmu === null || programmed.streamId === real.streamId) return;
      watching.report({
        ...about(
          watching,
          meant,
          `${formatSbdf(name)} for d${owner}: StreamID ${stream(programmed.streamId)} was programmed, ${formatFunction(meant, env.platform)} sends ${stream(real.streamId)}`,
          { programmed: hex(programmed.streamId), sent: hex(real.streamId), domid: owner },
        ),
        xenName: name,
        dom0Name: name as number as Dom0Sbdf,
      });
    };
    return {
      'device.registered': ({ data }, watching) => {
        if (data.owner !== null) check(data.sbdf, data.function, data.owner, watching);
      },
      'device.assigned': ({ data }, watching) => {
        if (watching.state.domains[data.to] !== undefined) check(data.sbdf, data.function, data.to, watching);
      },
    };
  },
};

const foreignMemory: Rule = {
  code: 'IOM-002',
  severity: 'error',
  title: "A device reached another domain's memory",
  doc: 'The stage 2 that translated the request belongs to a domain the device was not given to: isolation is broken, and no event says so.',
  watch: (): Watcher => {
    const reported = new Set<string>();
    let request: { seq: EventSeq; fn: FunctionId } | null = null;
    return {
      'dma.attempted': ({ seq, data }) => {
        request = { seq, fn: data.function };
      },
      'msi.written': ({ seq, data }) => {
        request = { seq, fn: data.function };
      },
      'dma.completed': ({ cause, data }, watching) => {
        if (request === null || request.seq !== cause || data.domid === null) return;
        const { fn } = request;
        const driver = driverDomain(watching, fn);
        if (driver === null || driver === data.domid) return;
        const key = `${fn} ${data.domid}`;
        if (reported.has(key)) return;
        reported.add(key);
        watching.report(
          about(
            watching,
            fn,
            `${formatFunction(fn, watching.env.platform)} was given to d${driver} and reached ${hex(data.address)} through the stage 2 of d${data.domid}`,
            { driver, stage2Of: data.domid, address: hex(data.address), streamId: idText(data) },
          ),
        );
      },
    };
  },
};

const idText = ({ streamId }: DataOf<'dma.completed'>): string | null =>
  streamId === null ? null : hex(streamId);

const uncovered: Rule = {
  code: 'IOM-003',
  severity: 'warning',
  title: 'A StreamID comes from no entry of iommu-map',
  doc: 'No entry of the map covers the requester id: Xen finds no SMMU for the device and the add fails; Linux takes the device for one without an IOMMU.',
  watch: () => {
    const reported = new Set<FunctionId>();
    return {
      'device.registered': ({ data }, watching) => {
        const { env } = watching;
        const fn = data.function;
        if (fn === null || reported.has(fn)) return;
        const map = env.platform.bridges[bridgeOf(fn)]?.iommuMap;
        const mapped = map === undefined || map === null ? null : mapId(map, functionBdf(fn));
        if (mapped === null || 'errno' in mapped || mapped.target !== null) return;
        reported.add(fn);
        watching.report(
          about(watching, fn, `no entry of iommu-map covers ${formatFunction(fn, env.platform)}`, {
            rid: hex(functionBdf(fn)),
          }),
        );
      },
    };
  },
};

const overflow: Rule = {
  code: 'IOM-004',
  severity: 'warning',
  title: 'The SMMU lost event records',
  doc: 'The event queue was full when a transaction faulted: what happened to it is on no record.',
  watch: () => {
    const reported = new Set<number>();
    return {
      'iommu.overflowed': ({ data }, watching) => {
        if (reported.has(data.smmu)) return;
        reported.add(data.smmu);
        watching.report(
          about(watching, null, `the event queue of the SMMU at ${hex(data.smmu)} is full`, {
            lost: data.lost,
          }),
        );
      },
    };
  },
};

const sharedEntry: Rule = {
  code: 'IOM-005',
  severity: 'error',
  title: 'Two devices share one stream entry',
  doc: 'Their StreamIDs are the same to the SMMU: giving one device to a domain gives it both, taking one away stops both.',
  watch: () => {
    const holders = new Map<string, FunctionId>();
    return {
      'iommu.programmed': ({ data }, watching) => {
        if (data.function === null) return;
        const key = `${data.smmu} ${data.streamId}`;
        const holder = holders.get(key);
        if (data.step === 'detach') {
          if (holder === data.function) holders.delete(key);
          return;
        }
        holders.set(key, data.function);
        if (holder === undefined || holder === data.function) return;
        const { platform } = watching.env;
        watching.report(
          about(
            watching,
            data.function,
            `stream ${stream(data.streamId)} of ${formatFunction(holder, platform)} is ${formatFunction(data.function, platform)}'s too`,
            { streamId: hex(data.streamId), other: formatFunction(holder, platform) },
          ),
        );
      },
    };
  },
};

const sharedIds: Rule = {
  code: 'IOM-006',
  severity: 'warning',
  title: 'Two host bridges have the same StreamIDs',
  doc: 'Their iommu-maps send overlapping ids to one SMMU: two devices with one id cannot have different owners, and an SMMUv3 Xen stops at the second.',
  watch: () => sharedIdsOf('iommu-map', 'StreamIDs', (bridge) => bridge.iommuMap),
};

const fatalRemoval: Rule = {
  code: 'IOM-010',
  severity: 'error',
  title: 'Removing a device behind an SMMUv3 stops Xen',
  doc: "Xen's SMMUv3 driver has no operation to remove a device: when Dom0 reports one as gone (`remove` in sysfs, hot-unplug), Xen jumps to address 0 and the whole machine is down.",
  watch: () => {
    const check = ({ data }: EventOf<'hypercall.issued' | 'hypercall.entered'>, watching: Watching): void => {
      const { env, state } = watching;
      if (env.platform.arch !== 'arm64' || env.policies.iommu !== 'on' || !hasPci(env)) return;
      if (data.op !== 'pci_device_remove' && data.op !== 'manage_pci_remove') return;
      if (!env.platform.smmus.some(({ model }) => model === 'smmuv3')) return;
      const name = deviceNamed(data.hypercall, data.op, data.args) as XenSbdf | null;
      const device = name === null ? undefined : state.xen.devices[name];
      if (name === null || device === undefined || device.owner === null) return;
      watching.report({
        ...about(
          watching,
          device.function,
          `${data.op} ${formatSbdf(name)} by d${data.domid}: the SMMUv3 driver of Xen ${env.switches.xen} cannot remove it, and Xen stops`,
          { op: data.op, owner: device.owner },
        ),
        xenName: name,
      });
    };
    return { 'hypercall.issued': check, 'hypercall.entered': check };
  },
};

/** Rules about streams and what they reach. */
export const iommuRules: readonly Rule[] = [
  wrongStream,
  foreignMemory,
  uncovered,
  overflow,
  sharedEntry,
  sharedIds,
  fatalRemoval,
];
