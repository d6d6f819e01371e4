import type { CfgBase, DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import { domids } from '../../../src/base/domid.js';
import { errnoName } from '../../../src/base/errno.js';
import { hex } from '../../../src/base/hex.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { platformFromDtb } from '../../../src/importers/dtb/dt-platform.js';
import { Engine } from '../../../src/models/engine.js';

import { type FunctionId, functionId } from '../../../src/pci/function-id.js';
import { encodeItsCommand, type ItsCommand } from '../../../src/pci/its-command.js';
import { bdf } from '../../../src/pci/sbdf.js';
import { twoBridgesDtb } from '../../../src/platform/built-in/two-bridges.js';
import type { Platform } from '../../../src/platform/platform.js';
import { defaultPolicies, type Policies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches, type Switches } from '../../../src/policy/switches.js';

export const DOM0 = 0 as DomainId;
export const DOMU = 1 as DomainId;
export const DOMIO = domids.IO;
export const ITS_BASE = 0x2f020000 as PhysicalAddress;
export const TRANSLATER = 0x2f030040 as PhysicalAddress;

export const nicA: FunctionId = functionId(0, bdf(1, 0, 0));
export const nicB: FunctionId = functionId(1, bdf(1, 0, 0));

const config = (): Uint8Array => new Uint8Array(4096);

/** The two-bridge tree with a NIC behind each bridge. */
export function twoBridges(change: Partial<Platform> = {}): Platform {
  const functions = [
    { function: nicA, name: 'NIC-A', config: config(), writeMask: null, clearMask: null, present: true },
    { function: nicB, name: 'NIC-B', config: config(), writeMask: null, clearMask: null, present: true },
  ];
  return { ...platformFromDtb(twoBridgesDtb()), functions, ...change };
}

/** A machine whose inputs a test writes by hand. */
export class Bench {
  readonly engine: Engine;

  constructor(
    platform: Platform = twoBridges(),
    policies: Partial<Policies> = {},
    switches: Partial<Switches> = {},
    behaviour: readonly number[] = currentBehaviour,
  ) {
    this.engine = new Engine({
      platform,
      policies: { ...defaultPolicies, ...policies },
      switches: { ...defaultSwitches, ...switches },
      behaviour,
    });
    this.domain(DOM0, true);
  }

  /** Takes an input; returns what followed as lines. */
  take(draft: InputDraft): string[] {
    return this.engine.step(draft).slice(1).map(line);
  }

  domain(domid: DomainId, hardware: boolean): void {
    this.take({
      kind: 'domain.created',
      by: 'xen',
      data: { domid, type: 'arm', privileged: hardware, hardware, target: null, name: `d${domid}` },
    });
  }

  memory(domid: DomainId, address: number, target: number, sizeBytes: number, writable = true): void {
    this.take({
      kind: 'stage2.populated',
      by: 'xen',
      data: {
        domid,
        address: address as PhysicalAddress,
        target: target as PhysicalAddress,
        sizeBytes: sizeBytes as PhysicalAddress,
        writable,
      },
    });
  }

  xenProbes(...bases: readonly number[]): void {
    for (const base of bases) {
      this.take({
        kind: 'bridge.probed',
        by: 'xen',
        data: { by: 'xen', cfgBase: base as CfgBase, result: 'bound' },
      });
    }
  }

  dom0Probes(...bases: readonly number[]): void {
    for (const base of bases) {
      this.take({
        kind: 'bridge.probed',
        by: 'd0',
        data: { by: 'dom0', cfgBase: base as CfgBase, result: 'bound' },
      });
    }
  }

  add(segment: number, bus = 1, devfn = 0): string[] {
    return this.take({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: DOM0,
        hypercall: 'physdev_op',
        op: 'pci_device_add',
        args: { seg: segment, bus, devfn, flags: 0 },
      },
    });
  }

  assign(segment: number, domid: DomainId): string[] {
    return this.domctl('assign_device', segment, domid);
  }

  domctl(op: string, segment: number, domid: DomainId): string[] {
    return this.take({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: DOM0,
        hypercall: 'domctl',
        op,
        args: { domain: domid, dev: 0, flags: 0, pci: { machine_sbdf: segment * 0x10000 + 0x100 } },
      },
    });
  }

  deassign(segment: number, domid: DomainId): string[] {
    return this.domctl('deassign_device', segment, domid);
  }

  remove(segment: number, bus = 1, devfn = 0): string[] {
    return this.take({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: DOM0,
        hypercall: 'physdev_op',
        op: 'pci_device_remove',
        args: { seg: segment, bus, devfn },
      },
    });
  }

  dma(
    fn: FunctionId,
    address: number,
    dir: 'read' | 'write' = 'write',
    data: number | null = null,
  ): string[] {
    return this.take({
      kind: 'dma.attempted',
      by: 'hw',
      data: { function: fn, address: address as PhysicalAddress, dir, data },
    });
  }

  message(fn: FunctionId, data: number, address: number = TRANSLATER): string[] {
    return this.take({
      kind: 'msi.written',
      by: 'hw',
      data: { function: fn, address: address as PhysicalAddress, data },
    });
  }

  its(command: ItsCommand, property: number | null = null, domid: DomainId = DOM0): string[] {
    const [d0, d1, d2, d3] = encodeItsCommand(command);
    return this.take({
      kind: 'its.commanded',
      by: `d${domid}`,
      data: { domid, its: ITS_BASE, d0, d1, d2, d3, property },
    });
  }

  /** Linux' order for one device: collection, device, events 0..n-1 to LPIs from `firstLpi`. */
  mapDevice(deviceId: number, events: number, firstLpi = 8192): void {
    this.its({ name: 'MAPC', icid: 0, rdBase: 0, valid: true });
    this.its({ name: 'MAPD', deviceId, eventIdBits: 5, ittAddress: 0x7f000000, valid: true });
    for (let eventId = 0; eventId < events; eventId++) {
      this.its({ name: 'MAPTI', deviceId, eventId, lpi: firstLpi + eventId, icid: 0 });
    }
  }
}

/** An outcome in one line, with what the tests compare. */
function line(event: TraceEvent): string {
  switch (event.kind) {
    case 'iommu.programmed': {
      const { streamId, config, domid, vmid } = event.data;
      return `STE ${hex(streamId)} ${config}${domid === null ? '' : ` d${domid} vmid ${vmid}`}`;
    }
    case 'iommu.faulted': {
      const { streamId, event: name, w0, w1, w2, w3, queued } = event.data;
      const words = w0 === null ? '' : ` ${w0} ${w1} ${w2} ${w3}${queued ? '' : ' unrecorded'}`;
      return `fault ${hex(streamId)} ${name ?? 'silent'}${words}`;
    }
    case 'dma.completed':
      return `memory ${hex(event.data.address)} ${event.data.domid === null ? 'untranslated' : `d${event.data.domid}`}`;
    case 'msi.translated': {
      const { translator, deviceId, eventId, intid, owner } = event.data;
      const device = deviceId === null ? '' : ` device ${hex(deviceId)}`;
      return `${translator}${device} event ${eventId} interrupt ${intid} of d${owner}`;
    }
    case 'msi.delivered':
      return `delivered ${event.data.intid ?? event.data.vector} to d${event.data.domid}, driver ${
        event.data.driver === null ? 'none' : `d${event.data.driver}`
      }`;
    case 'msi.dropped':
      return `dropped: ${event.data.reason}`;
    case 'its.completed':
      return `${event.data.command} ${event.data.errno === 0 ? 'ok' : errnoName(event.data.errno)}${
        event.data.reason === '' ? '' : `: ${event.data.reason}`
      }`;
    case 'hypercall.returned':
      return `returned ${errnoName(event.data.ret)}`;
    case 'xen.panicked':
      return `panic ${event.data.reason}`;
    default:
      return event.kind;
  }
}
