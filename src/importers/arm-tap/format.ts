import type { DomainId, TraceNs } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { limits } from '../../base/limits.js';

import type { Format, Importer, Out } from '../importer.js';
import { lines } from '../lines.js';
import { type ArmCall, type ArmRecord, isArmTapLine, parse, readArmRecord } from './read.js';

/** Breakpoints in a running ARM Xen: hypercalls about PCI devices and what the SMMU driver did. */
export const armTapFormat: Format = {
  name: 'arm-tap',
  doc: 'breakpoints in a running ARM Xen: hypercalls, stream table entries',
  detect: (head) => {
    const rows = new TextDecoder('latin1').decode(head).split('\n', 50);
    return rows.some(isArmTapLine) || (rows.length > 1 && rows.slice(0, -1).every(isRefused));
  },
  open: (out) => new ArmTap(out).importer,
};

/** Without an IOMMU the tap of an ARM Xen has refused reports alone. */
const isRefused = (line: string): boolean =>
  /^\{"seq":\d+,"t":[\d.]+,"cpu":\d+,"fn":"physdev_op","cmd":\d+,"name":"pci_device_(?:add|remove)","ret":-\d+\}$/.test(
    line,
  );

const DOM0 = 0 as DomainId;

/**
 * What domains asked, as inputs that the models answer. The tap sees no domain come or go: one that a call speaks of is
 * made before it, and one whose device changes hands although nobody asked has ended.
 */
class ArmTap {
  readonly importer: Importer;
  readonly #out: Out;
  readonly #domains = new Set<number>();
  #call: ArmCall | null = null;
  #isStarted = false;

  constructor(out: Out) {
    this.#out = out;
    this.importer = lines(
      {
        line: (text, number) => this.#line(text, number),
        end: (rest, number) => this.#line(rest, number),
      },
      limits.armTapLineBytes,
    );
  }

  #line(text: string, number: number): void {
    if (text.trim() === '') return;
    const { counts } = this.#out;
    counts.records += 1;
    const record = readArmRecord(text, '', number);
    if (record === null) {
      counts.skipped += 1;
      return;
    }
    const seconds = parse(text, '', number)['t'];
    this.#take(record, typeof seconds === 'number' ? Math.round(seconds * 1e9) : undefined);
  }

  #take(record: ArmRecord, atNs: number | undefined): void {
    if (!this.#isStarted) this.#start();
    if (record.fn === 'physdev_op' || record.fn === 'domctl') this.#enter(record, atNs);
    else if (record.fn === 'smmu_assign_dev') this.#handedOver(record.domain, atNs);
  }

  #start(): void {
    this.#isStarted = true;
    this.#out.clock({ is: 'own' });
    this.#out.fact({ is: 'arch', arch: 'arm64' });
    this.#out.input({ kind: 'xen.booted', by: 'xen', origin: 'observed', data: { domid: DOM0 } });
    this.#create(DOM0);
  }

  #create(domid: DomainId, atNs?: number): void {
    this.#domains.add(domid);
    const isDom0 = domid === DOM0;
    this.#out.input({
      kind: 'domain.created',
      by: isDom0 ? 'xen' : 'toolstack',
      origin: 'observed',
      ...(atNs === undefined ? {} : { atNs: atNs as TraceNs }),
      data: {
        domid,
        type: 'arm',
        privileged: isDom0,
        hardware: isDom0,
        target: null,
        name: isDom0 ? 'Domain-0' : `d${domid}`,
      },
    });
  }

  #enter(call: ArmCall, atNs: number | undefined): void {
    this.#call = call;
    const { domain } = call;
    if (domain !== null && domain < domids.SELF && !this.#domains.has(domain))
      this.#create(domain as DomainId, atNs);
    this.#out.input({
      kind: 'hypercall.issued',
      by: 'd0',
      origin: 'observed',
      ...(atNs === undefined ? {} : { atNs: atNs as TraceNs }),
      data: {
        domid: DOM0,
        hypercall: call.fn,
        op: call.op,
        args: { ...(call.args ?? {}), ...(domain === null ? {} : { domain }) },
      },
    });
  }

  /** The driver is handed a device: by the call that asked for it, or because its guest is no more. */
  #handedOver(to: number, atNs: number | undefined): void {
    const call = this.#call;
    if (call === null || call.op !== 'assign_device' || call.domain === null || to !== domids.IO) return;
    if (call.domain === domids.IO || !this.#domains.delete(call.domain)) return;
    this.#out.input({
      kind: 'domain.destroyed',
      by: 'toolstack',
      origin: 'observed',
      ...(atNs === undefined ? {} : { atNs: atNs as TraceNs }),
      data: { domid: call.domain as DomainId },
    });
  }
}
