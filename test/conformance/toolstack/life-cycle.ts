import type { DomainId } from '../../../src/base/brand.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { ToolstackOp } from '../../../src/events/kinds/toolstack.js';
import { readXenstoredTrace } from '../../../src/importers/xenstored-trace.js';
import { qemuId } from '../../../src/models/libxl/step.js';
import { backendReady } from '../../../src/models/libxl/toolstack.js';
import { backendPath } from '../../../src/models/linux/xenstored/xenbus.js';
import { type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import type { Job } from '../../../src/state/toolstack.js';
import { type Row, RowBuilder } from '../row.js';
import { absolutePath, changing, PciLog } from './pci-log.js';
import { type Asked, isPciPath, type Plan, type Request, specification } from './plan.js';
import { devicesSaid, type Printed, printedMessages, type Typed, typedCommands } from './printed.js';
import { RecordedMachine } from './recorded-machine.js';

/** One change a party asked XenStore for. */
interface Change {
  readonly op: string;
  readonly path: string;
  readonly value: string | null;
}

/** Values a guest kernel chooses for itself. */
const guestsOwn = /\/(pci-op-ref|event-channel)$/;

interface Running {
  readonly plan: Plan;
  readonly job: number;
}

/** Commands that run on after the one that moved, until what comes next is known. */
const TURNS = 400;
/** How far a request may stand from where the model made the same one: what lies between was left out or added. */
const REACH = 24;

/**
 * Lets the models live through a recording: commands of xl, watch deliveries and guest drivers move when the log shows
 * their next request, and what they ask of XenStore is held against the log, party by party and in order.
 */
export class LifeCycle {
  readonly machine: RecordedMachine;
  readonly row: RowBuilder;
  readonly #log: PciLog;
  /** What xl printed, file by file. */
  readonly #printed: readonly (readonly Printed[])[];
  readonly #queues = new Map<string, Change[]>();
  /** Commands of the job's log that are still to come. */
  readonly #typed: Typed[];
  /** Devices of messages that say why a command ended without a change in XenStore. */
  readonly #absent: Map<string, number>;
  readonly #notQuarantined: Map<string, number>;
  readonly #timedOut: Map<string, number>;
  #notRebound: number;
  #notAttached: number;
  #jobs = 0;

  constructor(set: string, file: string, run: string, text: string, files: readonly string[]) {
    this.#log = new PciLog(readXenstoredTrace(text).records);
    this.machine = new RecordedMachine(run, this.#log.boundByCommand());
    this.row = new RowBuilder(set, file);
    this.#printed = files.map(printedMessages);
    this.#typed = typedCommands(files[0] ?? '');
    this.#absent = devicesSaid(this.#printed, "error: Couldn't lstat /sys/bus/pci/devices/");
    this.#notQuarantined = devicesSaid(this.#printed, 'error: failed to de-quarantine ');
    this.#notRebound = this.#most((text) => text.endsWith('not rebinding'));
    this.#notAttached = this.#most((text) => text.endsWith('PCI device not attached to this domain'));
    this.#timedOut = new Map();
    for (const file of this.#printed) {
      const own = new Map<string, number>();
      for (const { domid, text } of file) {
        const id = / timed out waiting for DM to remove (\S+)$/.exec(text)?.[1];
        if (id !== undefined) own.set(`${domid} ${id}`, (own.get(`${domid} ${id}`) ?? 0) + 1);
      }
      for (const [id, count] of own) this.#timedOut.set(id, Math.max(this.#timedOut.get(id) ?? 0, count));
    }
  }

  /** How often one file says something. */
  #most(says: (text: string) => boolean): number {
    return Math.max(0, ...this.#printed.map((file) => file.filter(({ text }) => says(text)).length));
  }

  /** Runs the whole recording; the row holds the changes of pciback, pcifront and libxl. */
  live(): Row {
    const { records, domids, kernels, plans, listers } = this.#log;
    const running = new Map<string, Running>();

    for (const record of records) {
      if (record.is === 'connect') {
        const data = { conn: record.conn, domid: record.domid as DomainId };
        this.#take({ kind: 'xenstore.connected', by: 'xenstored', data });
      } else if (record.is === 'disconnect') {
        this.#take({ kind: 'xenstore.disconnected', by: 'xenstored', data: { conn: record.conn } });
        this.#end(record.conn, running);
        for (const plan of plans.get(record.conn) ?? []) {
          this.#start(plan, record.conn, running);
          this.#end(record.conn, running);
        }
        plans.delete(record.conn);
        // Whoever prints the whole tree takes a snapshot.
        if (listers.has(record.conn)) this.#snapshot();
      } else if (record.is === 'request' && !this.#log.aborted.has(record)) {
        const domid = domids.get(record.conn) ?? 0;
        const request = { ...record, path: absolutePath(record, domid) };
        if (!isPciPath(request.path)) this.#mirror(record, request);
        else if (changing.has(request.op)) {
          this.#log.coming.get(record.conn)?.shift();
          if (kernels.has(record.conn)) this.#kernel(domid, request);
          else this.#toolstack(request, plans, running);
        } else if (request.op === 'READ' && request.path.endsWith('/num_devs')) {
          this.#lists(record.conn, plans, running);
        }
      }
    }
    for (const [conn, queue] of this.#queues) {
      for (const change of queue) this.#compare(`after the end, ${conn}`, null, change);
    }
    for (const [device, count] of this.#absent) for (let i = 0; i < count; i++) this.#addAbsent(device);
    return this.row.row();
  }

  /** The row of a recording that does not say what machine it was. */
  undescribed(): Row {
    const changes = [...this.#log.coming.values()].reduce((sum, { length }) => sum + length, 0);
    if (changes > 0)
      this.row.unmodelled('no snapshot shows the functions of the machine and their resources', changes);
    return this.row.row();
  }

  /** A list was printed beside the tree. */
  #snapshot(): void {
    this.#jobs += 1;
    const job = this.#jobs;
    this.#take({
      kind: 'toolstack.requested',
      by: 'toolstack',
      data: { job, op: 'assignable-list', domid: null, devices: '', options: {} },
    });
    const events = this.#take({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    this.machine.capture(
      events.flatMap((event) =>
        event.kind === 'toolstack.logged' && event.data.level === 'output' ? [event.data.text.trimEnd()] : [],
      ),
    );
  }

  #take(draft: Parameters<RecordedMachine['step']>[0]): readonly TraceEvent[] {
    const events = this.machine.step(draft);
    for (const event of events) {
      if (event.kind !== 'xenstore.answered') continue;
      const { conn, op, path, value } = event.data;
      if (!changing.has(op) || !isPciPath(path) || /^c\d+$/.test(conn)) continue;
      const queue = this.#queues.get(conn) ?? [];
      queue.push({ op, path, value });
      this.#queues.set(conn, queue);
    }
    return events;
  }

  /** Requests that are not about PCI make the world the PCI ones stand in. */
  #mirror(record: Request, request: Request): void {
    if (!changing.has(record.op)) return;
    const type = /^\/libxl\/(\d+)\/type$/.exec(request.path);
    if (type !== null && record.op === 'WRITE') {
      const domid = Number(type[1]);
      if (this.machine.engine.state.domains[domid] === undefined) {
        const guest = record.value === 'hvm' ? 'hvm' : record.value === 'pvh' ? 'pvh' : 'pv';
        const name = this.machine.engine.state.xenstore.nodes[`/local/domain/${domid}/name`]?.value ?? '';
        this.#take({
          kind: 'domain.created',
          by: 'xen',
          data: {
            domid: domid as DomainId,
            type: guest,
            privileged: false,
            hardware: false,
            target: null,
            name,
          },
        });
      }
    }
    const { conn, op, path, value } = record;
    this.#take({ kind: 'xenstore.requested', by: 'xenstored', data: { conn, op, path, value, tx: 0 } });
  }

  /** A kernel's request: pciback or pcifront has to ask the same next. */
  #kernel(domid: number, request: Request): void {
    const conn = `k${domid}`;
    const move = (): boolean => {
      if (domid !== 0) return this.#guestMoves(domid, request);
      if (this.machine.engine.state.pciback.wakes.length === 0) return false;
      this.#take({ kind: 'pciback.woke', by: 'd0', data: {} });
      return true;
    };
    this.#settle(conn, request, move);
  }

  /** Lets a party move until it asks something, and holds that against the log. */
  #settle(conn: string, request: Request, move: () => boolean): void {
    for (let turn = 0; turn < TURNS; turn++) {
      const queue = this.#queues.get(conn) ?? [];
      const head = queue[0];
      if (head === undefined) {
        if (move()) continue;
        break;
      }
      const at = queue.slice(0, REACH).findIndex((one) => isSame(one, request));
      if (at >= 0) {
        for (const extra of queue.splice(0, at)) this.#compare(`line ${request.line}`, null, extra);
        this.#compare(`line ${request.line}`, request, queue.shift());
        return;
      }
      const later = this.#log.coming.get(request.conn)?.slice(0, REACH) ?? [];
      // The log does the same later: this request is one the model does not make.
      if (later.some((one) => isSame(head, one))) break;
      queue.shift();
      if (head.path === request.path) return this.#compare(`line ${request.line}`, request, head);
      this.#compare(`line ${request.line}`, null, head);
    }
    this.#compare(`line ${request.line}`, request, undefined);
  }

  #guestMoves(domid: number, request: Request): boolean {
    const front = this.machine.engine.state.pcifront[domid];
    const data = { domid: domid as DomainId };
    if (front === undefined || front.state === 1) {
      if (front !== undefined) return false;
      this.#take({ kind: 'pcifront.probed', by: `d${domid}`, data: { ...data, magic: '7' } });
      return true;
    }
    if (request.path.endsWith('/state') && request.value === '5' && front.state !== 5) {
      this.#take({ kind: 'pcifront.shut-down', by: `d${domid}`, data });
      return true;
    }
    if (front.wakes === 0) return false;
    this.#take({ kind: 'pcifront.woke', by: `d${domid}`, data });
    return true;
  }

  #toolstack(request: Request, plans: Map<string, Plan[]>, running: Map<string, Running>): void {
    const { conn } = request;
    for (let turn = 0; turn < TURNS; turn++) {
      const active = running.get(conn);
      if (active !== undefined && (this.#queues.get(`xl${active.job}`)?.length ?? 0) > 0) break;
      if (active !== undefined && this.#advance(active)) continue;
      const next = plans.get(conn)?.shift();
      if (next === undefined) break;
      if (active !== undefined) this.#ended(active);
      this.#start(next, conn, running);
    }
    const active = running.get(conn);
    const move = (): boolean => active !== undefined && this.#advance(active);
    this.#settle(active === undefined ? 'nobody' : `xl${active.job}`, request, move);
  }

  /** The end of a domain begins with a list of its devices; they may be gone when their turn comes. */
  #lists(conn: string, plans: Map<string, Plan[]>, running: Map<string, Running>): void {
    const next = plans.get(conn)?.[0];
    const active = running.get(conn);
    if (next?.op !== 'destroy') return;
    if (active !== undefined) {
      if (this.machine.engine.state.toolstack.jobs[active.job]?.next != null) return;
      this.#ended(active);
    }
    plans.get(conn)!.shift();
    this.#start(next, conn, running);
    this.#advance(running.get(conn)!);
  }

  #addAbsent(device: string): void {
    this.#jobs += 1;
    const job = this.#jobs;
    const data = { job, op: 'assignable-add', domid: null, devices: device, options: {} } as const;
    this.#take({ kind: 'toolstack.requested', by: 'toolstack', data });
    for (let turn = 0; turn < 50 && this.machine.engine.state.toolstack.jobs[job]?.next != null; turn++) {
      this.#take({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    }
  }

  /** The command that was typed for this plan; those before it left no trace where their device was not there. */
  #typedFor(op: ToolstackOp, device: string): Typed | undefined {
    const own = this.#typed.findIndex((typed) => typed.op === op && typed.devices.includes(device));
    if (own < 0) return undefined;
    for (const { op, devices } of this.#typed.splice(0, own)) {
      const only = devices.length === 1 ? devices[0]! : '';
      const left = this.#absent.get(only) ?? 0;
      if (op !== 'assignable-add' || left === 0) continue;
      this.#absent.set(only, left - 1);
      this.#addAbsent(only);
    }
    const typed = this.#typed[0]!;
    // A line may name several devices, each with a command of its own.
    const rest = typed.devices.filter((one) => one !== device);
    if (rest.length === 0) this.#typed.shift();
    else this.#typed[0] = { ...typed, devices: rest };
    return typed;
  }

  #start(plan: Plan, conn: string, running: Map<string, Running>): void {
    const devices = plan.onlyLooked ? this.#deviceOf(plan) : plan.devices;
    if (devices === null) return;
    const typed = this.#typedFor(plan.op, devices[0]?.bdf ?? '');
    if (plan.op === 'assignable-remove' && plan.options['rebind'] !== true) {
      const said = typed === undefined && this.#notRebound > 0;
      if (said || typed?.rebind === true) this.#notRebound -= 1;
      plan.options['rebind'] = said || typed?.rebind === true;
    }
    if (plan.op === 'detach' && typed?.force === true) plan.options['force'] = true;
    this.#jobs += 1;
    const job = this.#jobs;
    for (const { bdf } of devices) this.machine.need(parseSbdf(bdf) ?? -1);
    if (plan.op === 'assignable-add') this.#bound(plan.devices[0]!.bdf, plan.driver);
    for (const one of devices) if (one.options.includes('seize=1')) this.#bound(one.bdf, one.driver);
    const { op, options } = plan;
    const domid = plan.domid === null ? null : (plan.domid as DomainId);
    // A device model answers in an order of its own.
    const isOrdered = op === 'destroy' && this.machine.engine.state.domains[domid ?? -1]?.type !== 'hvm';
    const specs = isOrdered
      ? []
      : devices.map((one) => (op === 'destroy' ? one.bdf : specification(this.#named(one))));
    const data = { job, op, domid, devices: specs.join(' '), options };
    this.#take({ kind: 'toolstack.requested', by: 'toolstack', data });
    running.set(conn, { plan: { ...plan, devices: [...devices] }, job });
  }

  /** Devices of a command that changed nothing, as far as its messages tell; null when it says nothing. */
  #deviceOf(plan: Plan): readonly Asked[] | null {
    if (plan.op === 'assignable-add') {
      return this.#most((text) => text.includes("Couldn't bind device to pciback")) > 0 ? plan.devices : null;
    }
    const typed = this.#typed.filter(({ op }) => op === plan.op).flatMap(({ devices }) => devices);
    if (plan.op === 'assignable-remove') {
      const said = (one: string): boolean => (this.#notQuarantined.get(one) ?? 0) > 0;
      const one = typed.find(said) ?? [...this.#notQuarantined.keys()].find(said);
      if (one === undefined) return null;
      this.#notQuarantined.set(one, this.#notQuarantined.get(one)! - 1);
      return [plainly(one)];
    }
    const late = [...this.#timedOut].find(([id, count]) => id.startsWith(`${plan.domid} `) && count > 0)?.[0];
    const parts = /pci-pt-(\w\w)_(\w\w)\.(\d)$/.exec(late ?? '');
    if (parts !== null && typed.length > 0) {
      const bdf = typed.find((one) => one.endsWith(`:${parts[1]}:${parts[2]}.${parts[3]}`));
      if (bdf !== undefined) return [plainly(bdf)];
    }
    if (this.#notAttached === 0) return null;
    const stranger = typed.find((one) => !this.#isAttached(plan.domid ?? 0, one));
    if (stranger === undefined) return null;
    this.#notAttached -= 1;
    return [plainly(stranger)];
  }

  #isAttached(domid: number, bdf: string): boolean {
    const { nodes } = this.machine.engine.state.xenstore;
    return Object.entries(nodes).some(
      ([path, { value }]) => path.startsWith(`${backendPath(domid)}/dev-`) && value === bdf,
    );
  }

  /** The name xl was given, where it looked one up. */
  #named(one: Asked): Asked {
    if (one.name !== '?') return one;
    const key = `/libxl/pci/${one.bdf.replace(/[:.]/g, '-')}/name`;
    const known = this.machine.engine.state.xenstore.nodes[key]?.value;
    if (known !== undefined) return { ...one, name: known };
    const said = this.#printed.flatMap((file) =>
      file.flatMap(({ text }) => / failed for PCI device '(.*)' \(rc -23\)$/.exec(text)?.[1] ?? []),
    );
    return { ...one, name: said[0] ?? 'unknown' };
  }

  /** The driver a device had when it was taken; one that was found without had lost it by hand. */
  #bound(device: string, driver: string | null): void {
    if (driver === null) return this.#unbind(device);
    const held = this.machine.engine.state.linux.devices[parseSbdf(device) ?? -1]?.driver;
    if (held != null && driver.endsWith(`/${held}`)) return;
    this.#unbind(device);
    const data = { verb: 'write', path: `${driver}/bind`, value: device } as const;
    this.#take({ kind: 'sysfs.requested', by: 'd0', data });
  }

  /** A device that was found without driver had lost it by hand. */
  #unbind(device: string): void {
    const held = this.machine.engine.state.linux.devices[parseSbdf(device) ?? -1]?.driver;
    if (held == null || held === 'pciback') return;
    const path = `/sys/bus/pci/drivers/${held}/unbind`;
    this.#take({ kind: 'sysfs.requested', by: 'd0', data: { verb: 'write', path, value: device } });
  }

  /** One step of a command. @returns whether it could move */
  #advance({ job, plan }: Running): boolean {
    const state = this.machine.engine.state.toolstack.jobs[job]!;
    if (state.next === null) return false;
    if (state.waits === 'qmp') {
      const index = Number(state.vars['index'] ?? 0);
      const slot = plan.devices[index]?.vdevfn ?? 0;
      const reply = state.next === 'find-in-dm' && slot !== 0 ? slot.toString(16) : '';
      this.#take({ kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ok: true, reply } });
    } else if (state.waits === 'removal') {
      if (this.#removalTimedOut(state))
        this.#take({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
      else this.#take({ kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ok: true, reply: '' } });
    } else if (state.waits === 'backend' && !backendReady(this.machine.engine, state.domid ?? -1)) {
      this.#take({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
    } else this.#take({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    return true;
  }

  #removalTimedOut(job: Readonly<Job>): boolean {
    const devices = (job.vars['devices'] ?? []) as readonly number[];
    const id = `${job.domid} ${qemuId((devices[Number(job.vars['index'] ?? 0)] ?? 0) as Dom0Sbdf)}`;
    const left = this.#timedOut.get(id) ?? 0;
    this.#timedOut.set(id, left - 1);
    return left > 0;
  }

  /** The connection closed: the command has done all it would. */
  #end(conn: string, running: Map<string, Running>): void {
    const active = running.get(conn);
    if (active === undefined) return;
    running.delete(conn);
    this.#ended(active);
  }

  #ended(active: Running): void {
    for (let turn = 0; turn < 400 && this.#advance(active); turn++);
    const queue = this.#queues.get(`xl${active.job}`) ?? [];
    for (const change of queue.splice(0)) this.#compare(`end of ${active.plan.op}`, null, change);
    // What waits for pciback then happens before anything else moves.
    while (this.machine.engine.state.pciback.wakes.length > 0) {
      this.#take({ kind: 'pciback.woke', by: 'd0', data: {} });
    }
    if (active.plan.op === 'destroy' && active.plan.domid !== null) {
      const data = { domid: active.plan.domid as DomainId };
      this.#take({ kind: 'domain.destroyed', by: 'xen', data });
    }
  }

  #compare(at: string, request: Request | null, change: Change | undefined): void {
    const wanted = request === null ? null : changeText(request);
    const got = change === undefined ? null : changeText(change);
    if (request !== null && change?.path === request.path && guestsOwn.test(request.path)) {
      this.row.unmodelled('grant references and event channels are numbered by the guest kernel');
      return;
    }
    this.row.check(wanted === got, () => ({
      at,
      input: request === null ? 'nothing in the log' : `${request.conn} ${request.op}`,
      expected: wanted ?? 'nothing',
      actual: got ?? 'nothing',
    }));
  }
}

const plainly = (bdf: string): Asked => ({ bdf, options: [], vdevfn: 0, name: null, driver: null });

const isSame = (a: Change, b: Change): boolean =>
  a.path === b.path && a.op === b.op && (guestsOwn.test(a.path) || changeText(a) === changeText(b));

const changeText = ({ op, path, value }: Change): string =>
  `${op} ${path}${value === null || value === '' ? '' : ` ${value}`}`;
