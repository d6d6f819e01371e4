import { assertNever } from '../base/assert.js';
import type { DomainId, EventSeq } from '../base/brand.js';
import { hex } from '../base/hex.js';
import { hardwareIds } from '../models/hardware/smmu/hardware-ids.js';
import { driverDomain } from '../models/xen/guest-msi/driver-domain.js';
import { bridgeOf, type FunctionId, formatFunction } from '../pci/function-id.js';
import { sharedIdsOf } from './map-overlap.js';
import { dom0Name, xenName } from './names.js';
import type { Report, Rule, Watcher, Watching } from './rule.js';

/** Strange messages of one function that make a flood. */
const FLOOD = 16;

/** A report with both names of the function. */
export function about(
  { env, state }: Watching,
  fn: FunctionId | null,
  message: string,
  evidence: Report['evidence'],
): Report {
  return {
    message,
    function: fn,
    xenName: fn === null ? null : xenName(state, env, fn),
    dom0Name: fn === null ? null : dom0Name(state, env, fn),
    evidence,
  };
}

const nonOwner: Rule = {
  code: 'MSI-001',
  severity: 'error',
  title: 'An interrupt reached a domain that does not have the device',
  doc: 'The function whose write raised the interrupt was given to one domain, and another got the interrupt.',
  watch: () => ({
    'msi.delivered': ({ data }, watching) => {
      const { function: fn, driver, domid } = data;
      if (fn === null || driver === null || driver === domid) return;
      const interrupt = data.intid === null ? `vector ${data.vector}` : `interrupt ${data.intid}`;
      watching.report(
        about(
          watching,
          fn,
          `${interrupt} went to d${domid}; ${formatFunction(fn, watching.env.platform)}, which raised it, was given to d${driver}`,
          { receiver: domid, driver, intid: data.intid, vector: data.vector },
        ),
      );
    },
  }),
};

const lost: Rule = {
  code: 'MSI-002',
  severity: 'error',
  title: 'An interrupt was lost',
  doc: 'A function sent the message its driver had set up, and no domain got an interrupt: the SMMU, the controller or Xen dropped it without a word to either.',
  watch: () => {
    let sent: { cause: EventSeq; fn: FunctionId; address: number; data: number } | null = null;
    let raised: { seq: EventSeq; fn: FunctionId } | null = null;
    return {
      'msi.written': ({ seq, data }) => {
        sent = { cause: seq, fn: data.function, address: data.address, data: data.data };
      },
      'msi.raised': ({ seq, data }) => {
        raised = { seq, fn: data.function };
      },
      'msi.sent': ({ cause, data }) => {
        if (cause === null || raised === null || raised.seq !== cause) return;
        sent = { cause, fn: raised.fn, address: data.address, data: data.data };
      },
      'msi.dropped': ({ cause, data }, watching) => {
        if (sent !== null && sent.cause === cause) {
          const { fn } = sent;
          const expectedBy = whoExpects(watching, fn, sent.address, sent.data);
          if (expectedBy === null) return;
          watching.report(
            about(
              watching,
              fn,
              `the message ${hex(sent.address)}:${hex(sent.data)} of ${formatFunction(fn, watching.env.platform)} never reached d${expectedBy}: ${data.reason}`,
              { expectedBy, address: hex(sent.address), data: hex(sent.data), reason: data.reason },
            ),
          );
        } else if (data.reason.startsWith('vectors differ only in data')) {
          watching.report(
            about(watching, null, `an interrupt is lost: ${data.reason}`, { reason: data.reason }),
          );
        }
      },
    };
  },
};

/** The domain that waits for this message of its own device: it armed a vector for it, or mapped it on the ITS. */
function whoExpects(watching: Watching, fn: FunctionId, address: number, data: number): DomainId | null {
  const { env, state } = watching;
  const driver = driverDomain(watching, fn);
  if (driver === null) return null;
  for (const vector of Object.values(state.msi.functions[fn]?.vectors ?? {})) {
    const armed = vector.phase === 'armed' || vector.phase === 'fired';
    if (armed && vector.domid === driver && vector.address === address && vector.data === data) return driver;
  }
  const ids = hardwareIds(env.platform, fn);
  if (ids.msi === null || ids.msi.model !== 'its' || address !== ids.msi.doorbell) return null;
  const firstLpi = state.its.hosts[ids.msi.base]?.[ids.deviceId]?.firstLpis[data >>> 5];
  const connected = firstLpi === undefined ? undefined : state.its.lpis[firstLpi + (data & 31)];
  return connected?.domid === driver ? driver : null;
}

const forged: Rule = {
  code: 'MSI-003',
  severity: 'error',
  title: 'A function raised the interrupt of another one',
  doc: 'The event belongs to a vector of one function, and the write came from another: the controller sees address and data only, so that a plain DMA write is an interrupt.',
  watch: () => ({
    'msi.delivered': ({ data }, watching) => {
      if (data.claimant === null || data.function === null || data.claimant === data.function) return;
      const { platform } = watching.env;
      watching.report(
        about(
          watching,
          data.function,
          `${formatFunction(data.function, platform)} raised event ${data.event} of ${formatFunction(data.claimant, platform)}; d${data.domid} took it for its own device`,
          { claimant: formatFunction(data.claimant, platform), event: data.event, receiver: data.domid },
        ),
      );
    },
  }),
};

const reachable: Rule = {
  code: 'MSI-004',
  severity: 'warning',
  title: 'A guest device reaches a doorbell that does not check who writes',
  doc: "A device was given to a guest while its writes reach an MSI controller that picks the interrupt from address and data alone: the guest can raise other domains' interrupts.",
  watch: () => ({
    'device.assigned': ({ data }, watching) => {
      const { env, state } = watching;
      if (data.function === null || state.domains[data.to] === undefined) return;
      if (data.to === state.iommu.hardwareDomain) return;
      const open = openDoorbells(watching, data.function);
      if (open.length === 0) return;
      watching.report(
        about(
          watching,
          data.function,
          `${formatFunction(data.function, env.platform)}, now of d${data.to}, reaches ${open.join(' and ')}`,
          { domid: data.to, doorbells: open },
        ),
      );
    },
  }),
};

/** Doorbells a guest's device can write to although they do not know the writer. @source facts/arm-msi-iommu 9 */
function openDoorbells({ env, state }: Watching, fn: FunctionId): string[] {
  const { platform, policies } = env;
  if (platform.arch === 'x86_64') {
    return policies['interrupt-remapping'] === 'off' ? ['every vector of the machine'] : [];
  }
  const node = platform.bridges[bridgeOf(fn)]?.node;
  const shared = (): boolean =>
    Object.values(state.xen.devices).some(
      (device) =>
        device.function !== null && device.function !== fn && bridgeOf(device.function) === bridgeOf(fn),
    );
  return platform.msiControllers.flatMap((controller) => {
    switch (controller.model) {
      case 'its':
        return [];
      case 'gicv2m':
      case 'xgene':
        return policies.doorbell === 'mapped' ? [`the frame at ${hex(controller.doorbell)}`] : [];
      case 'nwl':
      case 'axi':
        return controller.node === node && shared() ? ['the MSI window of its bridge'] : [];
      default:
        return assertNever(controller.model);
    }
  });
}

const uncovered: Rule = {
  code: 'MSI-005',
  severity: 'warning',
  title: 'A DeviceID comes from no entry of msi-map',
  doc: 'No entry of the map covers the requester id, which then passes unchanged: the DeviceID may be one that another device has.',
  watch: () => {
    const reported = new Set<FunctionId>();
    return {
      'msi.written': ({ data }, watching) => {
        const { env } = watching;
        const { deviceId, deviceIdCovered } = hardwareIds(env.platform, data.function);
        const map = env.platform.bridges[bridgeOf(data.function)]?.msiMap;
        if (deviceIdCovered || map === undefined || map === null || reported.has(data.function)) return;
        reported.add(data.function);
        watching.report(
          about(
            watching,
            data.function,
            `no entry of msi-map covers ${formatFunction(data.function, env.platform)}: its DeviceID is its requester id ${hex(deviceId)}`,
            { deviceId: hex(deviceId) },
          ),
        );
      },
    };
  },
};

const wrongEvent: Rule = {
  code: 'MSI-006',
  severity: 'error',
  title: 'The handler passed on another event than the controller had',
  doc: 'Events 32 to 63 of an NWL bridge are handed to the handlers of events 0 to 31.',
  watch: () => {
    let eventId: number | null = null;
    return {
      'msi.translated': ({ data }) => {
        eventId = data.translator === 'nwl' ? data.eventId : null;
      },
      'msi.delivered': ({ data }, watching) => {
        if (eventId === null || data.event === null || data.event === eventId) return;
        watching.report(
          about(watching, data.function, `event ${eventId} was handled as event ${data.event}`, {
            eventId,
            handled: data.event,
          }),
        );
      },
    };
  },
};

const flood: Rule = {
  code: 'MSI-007',
  severity: 'warning',
  title: 'A function floods a doorbell',
  doc: 'Message after message that is not its own: each costs the receiver an interrupt, whether it is delivered or thrown away.',
  watch: (): Watcher => {
    const strange = new Map<FunctionId, number>();
    let writer: { seq: EventSeq; fn: FunctionId } | null = null;
    const count = (cause: EventSeq | null, watching: Watching): void => {
      if (writer === null || writer.seq !== cause) return;
      const { fn } = writer;
      const times = (strange.get(fn) ?? 0) + 1;
      strange.set(fn, times);
      if (times !== FLOOD) return;
      watching.report(
        about(
          watching,
          fn,
          `${FLOOD} messages of ${formatFunction(fn, watching.env.platform)} were none of its own`,
          { messages: FLOOD },
        ),
      );
    };
    return {
      'dma.attempted': ({ seq, data }) => {
        writer = { seq, fn: data.function };
      },
      'msi.dropped': ({ cause }, watching) => count(cause, watching),
      'msi.delivered': ({ cause, data }, watching) => {
        if (data.claimant !== null && data.claimant !== data.function) count(cause, watching);
      },
    };
  },
};

const refusedByIts: Rule = {
  code: 'MSI-008',
  severity: 'warning',
  title: 'Xen refused a command of the virtual ITS and told nobody',
  doc: 'CREADR passes a failed command like any other: the guest believes in a mapping that is not there.',
  watch: () => ({
    'its.completed': ({ data }, watching) => {
      if (data.errno === 0 || !['MAPD', 'MAPC', 'MAPTI', 'MAPI', 'MOVI'].includes(data.command)) return;
      watching.report(
        about(watching, null, `${data.command} failed: ${data.reason}`, {
          errno: data.errno,
          deviceId: data.deviceId === null ? null : hex(data.deviceId),
          eventId: data.eventId,
        }),
      );
    },
  }),
};

const noEvent: Rule = {
  code: 'MSI-009',
  severity: 'warning',
  title: 'A vector got no host event',
  doc: 'Xen had none left to force on the function, so that the vector stays silent.',
  watch: () => ({
    'msi.refused': ({ data }, watching) => {
      watching.report(
        about(
          watching,
          data.function,
          `vector ${data.vector} of ${formatFunction(data.function, watching.env.platform)} has no event: ${data.reason}`,
          { errno: -data.errno, vector: data.vector },
        ),
      );
    },
  }),
};

const sharedIds: Rule = {
  code: 'MSI-010',
  severity: 'warning',
  title: 'Two host bridges have the same DeviceIDs',
  doc: 'Their msi-maps send overlapping ids to one ITS: a device behind one bridge raises the interrupts of its twin behind the other.',
  watch: () => sharedIdsOf('msi-map', 'DeviceIDs', (bridge) => bridge.msiMap),
};

/** Rules about interrupts: who got them, who raised them, who could have. */
export const msiRules: readonly Rule[] = [
  nonOwner,
  lost,
  forged,
  reachable,
  uncovered,
  wrongEvent,
  flood,
  refusedByIts,
  noEvent,
  sharedIds,
];
