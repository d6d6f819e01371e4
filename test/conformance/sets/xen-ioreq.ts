import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import { hex } from '../../../src/base/hex.js';
import type { DataOf, EventOf, TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { readTap, type TapCall, tapInput } from '../../../src/importers/xen-tap/read.js';
import { type RecordedIo, recordedIo } from '../../../src/importers/xentrace/io.js';
import { readXentrace } from '../../../src/importers/xentrace/records.js';
import { Engine } from '../../../src/models/engine.js';
import { emptyPlatform } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { type LoggedCall, type LoggedRequest, readDeviceModelLog } from '../ioreq/device-model-log.js';
import { recordingNames, recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/** What the models leave out here, said before anything is compared. */
const declared = {
  msixTable:
    "Xen's own interception of a passed-through function's MSI-X table (facts/xen 6.3) decides which accesses the device model sees",
  broadcast: 'a moved clock or dropped mappings: what made Xen send it is in no trace',
  otherGuest: 'an access of another guest, whose device model is not this one',
} as const;

const LOG_SUFFIX = '-qemu-dm-trace.log.xz';
const dom0 = 0 as DomainId;
/** Request types from here on are broadcasts. */
const BROADCASTS = 7;
/** Requests looked at for an access: virtual CPUs overtake each other, and the buffered ring is polled late. */
const AHEAD = 64;

/**
 * Who gets a guest's accesses. The guest's accesses come from `NAME.xentrace`, the ranges of its device model and the
 * requests that reached it from `NAME-qemu-dm-trace.log`, port mappings from the tap. One check an access: whether it is
 * predicted to reach the device model, as which type, address and data, and what a read then gives the guest.
 */
export const xenIoreqSet: ConformanceSet = {
  name: 'xen-ioreq',
  folder: 'xen',
  *rows(folder) {
    for (const run of recordingNames(folder)) {
      const path = join(folder, run);
      const logs = readdirSync(path).filter((file) => file.endsWith(LOG_SUFFIX));
      for (const log of logs.sort()) yield judge(path, run, log.slice(0, -LOG_SUFFIX.length));
    }
  },
};

function judge(path: string, run: string, name: string): Row {
  const row = new RowBuilder('xen-ioreq', `${run}/${name}.xentrace`);
  const text = recordingText(path, `${name}.xentrace`);
  if (text === null) return row.row();
  const trace = readXentrace(Buffer.from(text, 'latin1'));
  const entries = readDeviceModelLog(recordingText(path, `${name}${LOG_SUFFIX.slice(0, -3)}`) ?? '', name);
  const log = entries.filter((entry) => entry.is === 'call' || entry.type < BROADCASTS);
  if (log.length < entries.length) row.unmodelled(declared.broadcast, entries.length - log.length);
  const mine = domainNamed(path, name);
  const tap = readTap(recordingText(path, 'tap.jsonl') ?? '', 'tap.jsonl');
  const machine = new Machine(log, hostCalls(path, tap), interceptedPages(tap));
  let index = 0;
  for (const access of recordedIo(trace.records)) {
    index += 1;
    if (access.domid === 0 || (mine !== null && access.domid !== mine)) {
      row.unmodelled(declared.otherGuest);
      continue;
    }
    machine.judge(row, access, trace.baseCycles + (access.cycles ?? 0), index - 1);
  }
  return row.row();
}

/** The domain `xl list` shows under that name; null when it was not recorded. */
function domainNamed(path: string, name: string): number | null {
  for (const file of ['snap-running/xl-list.txt', 'job.log', 'snap-end/xl-list.txt']) {
    const line = recordingText(path, file)
      ?.split('\n')
      .map((one) => one.trim().split(/\s+/))
      .find(([first, id]) => first === name && /^\d+$/.test(id ?? ''));
    if (line !== undefined) return Number(line[1]);
  }
  return null;
}

interface HostCall {
  readonly tsc: number;
  readonly draft: NonNullable<ReturnType<typeof tapInput>>;
}

const wanted: readonly string[] = ['ioport_mapping', 'ioport_permission'];

/** Domctls of the tap that decide which ports belong to hardware. */
function hostCalls(path: string, tap: readonly TapCall[]): HostCall[] {
  const text = recordingText(path, 'tap.jsonl') ?? '';
  const stamps = new Map<number, number>();
  for (const line of text.split('\n')) {
    const match = /^\{"seq": ?(\d+), ?"tsc": ?(\d+)/.exec(line);
    if (match !== null) stamps.set(Number(match[1]), Number(match[2]));
  }
  return tap.flatMap((call) => {
    const tsc = stamps.get(call.seq);
    const draft = wanted.includes(call.op) && tsc !== undefined ? tapInput(call) : null;
    return tsc === undefined || draft === null ? [] : [{ tsc, draft }];
  });
}

/** Pages whose MSI-X table Xen was told to watch (`gtable` of bind_pt_irq). */
function interceptedPages(tap: readonly TapCall[]): ReadonlySet<number> {
  const pages = tap.flatMap(({ op, args }) => {
    const gtable = op === 'bind_pt_irq' ? args?.['gtable'] : null;
    return typeof gtable === 'number' && gtable !== 0 ? [Math.floor(gtable / 4096)] : [];
  });
  return new Set(pages);
}

/** A model of the guest's I/O that is told what its device model and its toolstack did. */
class Machine {
  readonly #engine = new Engine({
    platform: { ...emptyPlatform, arch: 'x86_64' },
    policies: defaultPolicies,
    switches: { ...defaultSwitches, xen: '4.17' },
    behaviour: currentBehaviour,
  });
  readonly #log: (LoggedRequest | LoggedCall)[];
  readonly #host: readonly HostCall[];
  readonly #intercepted: ReadonlySet<number>;
  readonly #known = new Set<number>();
  #at = 0;
  #hostAt = 0;
  #server = 0;
  #severalVcpus = false;

  constructor(
    log: (LoggedRequest | LoggedCall)[],
    host: readonly HostCall[],
    intercepted: ReadonlySet<number>,
  ) {
    this.#intercepted = intercepted;
    this.#log = log;
    this.#host = host;
    this.#create(dom0, 'pv', true);
    this.#engine.step({ kind: 'xen.booted', by: 'xen', data: { domid: dom0 } });
  }

  #create(domid: DomainId, type: 'pv' | 'hvm', control: boolean): void {
    const data = { domid, type, privileged: control, hardware: control, target: null, name: `d${domid}` };
    this.#engine.step({ kind: 'domain.created', by: 'toolstack', data });
    this.#known.add(domid);
  }

  #call(
    caller: DomainId,
    hypercall: string,
    op: string,
    args: RecordObject,
  ): EventOf<'hypercall.returned'> | undefined {
    const draft = {
      kind: 'hypercall.issued',
      by: 'dm',
      data: { domid: caller, hypercall, op, args },
    } as const;
    return this.#engine.step(draft).find((event) => event.kind === 'hypercall.returned') as
      | EventOf<'hypercall.returned'>
      | undefined;
  }

  /** Carries out what the device model and the toolstack had done before the request it took next. */
  #catchUp(domid: DomainId, tsc: number): void {
    for (; (this.#host[this.#hostAt]?.tsc ?? Number.POSITIVE_INFINITY) <= tsc; this.#hostAt++)
      this.#engine.step(this.#host[this.#hostAt]!.draft);
    for (;;) {
      const entry = this.#log[this.#at];
      if (entry === undefined || entry.is === 'request') return;
      this.#at += 1;
      this.#deviceModelCalls(domid, entry);
    }
  }

  #deviceModelCalls(domid: DomainId, { call, type, start, end, enable }: LoggedCall): void {
    const id = this.#server;
    switch (call) {
      case 'create': {
        const returned = this.#call(dom0, 'dm_op', 'create_ioreq_server', { domid, handle_bufioreq: 2 });
        this.#server = Number(returned?.data.out?.['id'] ?? 0);
        return;
      }
      case 'resource':
        this.#call(dom0, 'memory_op', 'acquire_resource', {
          domid,
          type: 0,
          id,
          frame: 0,
          nr_frames: 2,
          frame_list: 1,
        });
        return;
      case 'state':
        this.#call(dom0, 'dm_op', 'set_ioreq_server_state', { domid, id, enabled: enable });
        return;
      case 'destroy':
        this.#call(dom0, 'dm_op', 'destroy_ioreq_server', { domid, id });
        return;
      case 'map':
        this.#call(dom0, 'dm_op', 'map_io_range_to_ioreq_server', { domid, id, type, start, end });
        return;
      case 'unmap':
        this.#call(dom0, 'dm_op', 'unmap_io_range_from_ioreq_server', { domid, id, type, start, end });
    }
  }

  /** Place of the request an access became: the next one, but for other virtual CPUs and the late ring. */
  #find(access: RecordedIo): number | null {
    const inRing = access.space === 'mem' && access.addr >= 0xa_0000 && access.addr < 0xc_0000;
    const ahead = inRing || this.#severalVcpus ? AHEAD : 1;
    for (let seen = 0, at = this.#at; seen < ahead && at < this.#log.length; at++) {
      const entry = this.#log[at]!;
      if (entry.is === 'call') {
        if (ahead === 1) return null;
        continue;
      }
      if (fits(access, entry)) return at;
      const isLate = entry.type === 1 && entry.addr >= 0xa_0000 && entry.addr < 0xc_0000;
      if (!isLate) seen += 1;
    }
    return null;
  }

  judge(row: RowBuilder, access: RecordedIo, tsc: number, index: number): void {
    const domid = access.domid as DomainId;
    if (!this.#known.has(domid)) {
      this.#create(domid, 'hvm', false);
      // hvmloader moves the ACPI ports to 0xb000 before it touches them (facts/q35-qemu 3.6, Xen's fixed B000h).
      this.#call(domid, 'hvm_op', 'set_param', { domid, index: 19, value: 1 });
    }
    this.#catchUp(domid, tsc);
    const found = this.#find(access);
    const mine = found === null ? null : (this.#log[found] as LoggedRequest);
    const events = this.#engine.step({
      kind: 'io.requested',
      by: `d${domid}`,
      data: requested(access, mine),
    });
    const sent = events.find((event) => event.kind === 'ioreq.sent') as EventOf<'ioreq.sent'> | undefined;
    const input = `${access.dir} ${access.space} ${hex(access.addr)}${access.data === null ? '' : ` data ${hex(access.data)}`}`;
    if (found !== null) this.#log.splice(found, 1);
    if (access.vcpu > 0) this.#severalVcpus = true;
    const served = sent === undefined || sent.data.buffered ? events : this.#serve(domid, sent, mine);
    if (
      mine === null &&
      sent?.data.type === 'copy' &&
      this.#intercepted.has(Math.floor(access.addr / 4096))
    ) {
      row.unmodelled(declared.msixTable);
      return;
    }
    const expected = mine === null ? 'not the device model' : `${describe(mine)}${answerOf(access, mine)}`;
    row.compare(`record ${index}`, input, expected, foretold(access, sent, served));
  }

  /** The device model answers as it did; with nothing where it had never been asked. */
  #serve(domid: DomainId, { data }: EventOf<'ioreq.sent'>, mine: LoggedRequest | null): TraceEvent[] {
    const answer = mine?.answer ?? 0n;
    return this.#engine.step({
      kind: 'ioreq.served',
      by: 'dm',
      data: {
        domid,
        vcpu: data.vcpu,
        server: data.server,
        state: 3,
        data: Number(answer & 0xffff_ffffn),
        dataHigh: Number((answer >> 32n) & 0xffff_ffffn),
        eport: null,
      },
    });
  }
}

/** Whether a request can be this access: the trace has neither size nor count, so direction and place decide. */
function fits(access: RecordedIo, request: LoggedRequest): boolean {
  if (request.dir !== access.dir || request.dataIsPtr !== (access.data === null)) return false;
  if (access.dir === 'write' && access.data !== null) {
    if (cutTo(access.data, request.size) !== Number(request.data & 0xffff_ffffn)) return false;
  }
  if (request.type === 2) return (access.addr & ~3) === 0xcfc && (request.addr & 3) === (access.addr & 3);
  return request.addr === access.addr && (request.type === 0) === (access.space === 'port');
}

/** Size and repetitions are the device model's where it saw the access; else the smallest. */
function requested(access: RecordedIo, mine: LoggedRequest | null): DataOf<'io.requested'> {
  const pointer = mine?.dataIsPtr === true ? mine.data : null;
  return {
    domid: access.domid as DomainId,
    vcpu: access.vcpu,
    space: access.space,
    addr: access.addr as PhysicalAddress,
    size: mine?.size ?? (access.addr === 0xcf8 ? 4 : 1),
    dir: access.dir,
    count: mine?.count ?? 1,
    df: mine?.df ?? false,
    dataIsPtr: access.data === null,
    value: pointer !== null ? Number(pointer & 0xffff_ffffn) : access.dir === 'write' ? access.data : null,
    valueHigh: pointer !== null ? Number(pointer >> 32n) : null,
  };
}

const typeNumbers: Readonly<Record<string, number>> = {
  pio: 0,
  copy: 1,
  pci_config: 2,
  timeoffset: 7,
  invalidate: 8,
};

const describe = (
  request: Pick<LoggedRequest, 'type' | 'addr' | 'dir' | 'size' | 'count' | 'data'>,
): string =>
  `type ${request.type} ${request.dir} ${hex(request.addr)} size ${request.size} count ${request.count}${
    request.dir === 'write' ? ` data ${hex(request.data)}` : ''
  }`;

/** What the guest read, as the trace recorded it. */
const answerOf = ({ dir, data }: RecordedIo, { size, dataIsPtr }: LoggedRequest): string =>
  dir === 'read' && data !== null && !dataIsPtr ? ` gives ${hex(cutTo(data, size))}` : '';

const cutTo = (data: number, size: number): number => (size >= 4 ? data >>> 0 : data & (2 ** (8 * size) - 1));

function foretold(
  access: RecordedIo,
  sent: EventOf<'ioreq.sent'> | undefined,
  served: readonly TraceEvent[],
): string {
  if (sent === undefined) return 'not the device model';
  const { type, addr, dir, size, count, data, dataHigh } = sent.data;
  const request = {
    type: typeNumbers[type]!,
    addr,
    dir,
    size,
    count,
    data: (BigInt(dataHigh) << 32n) + BigInt(data),
  };
  const completed = served.find((event) => event.kind === 'io.completed') as
    | EventOf<'io.completed'>
    | undefined;
  const value = completed?.data.value ?? null;
  return `${describe(request)}${access.dir === 'read' && value !== null ? ` gives ${hex(value)}` : ''}`;
}
