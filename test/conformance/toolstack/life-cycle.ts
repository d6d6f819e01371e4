import type { DomainId } from '../../../src/base/brand.js';
import { hexPad } from '../../../src/base/hex.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import { qemuId } from '../../../src/models/libxl/names.js';
import { backendReady } from '../../../src/models/libxl/toolstack.js';
import { backendPath } from '../../../src/models/xenstore/xenbus.js';
import { type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import type { Job } from '../../../src/state/toolstack.js';
import { readXenstoredLog } from '../../importers/xenstored-log.js';
import { type Row, RowBuilder } from '../row.js';
import { Commands, type Given, type Meaning, optionsOf } from './commands.js';
import { absolutePath, changing, PciLog } from './pci-log.js';
import { type Asked, isPciPath, type Plan, type Request, specification } from './plan.js';
import { type Printed, unreachable } from './printed.js';
import { RecordedMachine } from './recorded-machine.js';
import { bdfOf, type Typed } from './typed.js';

/** One change a party asked XenStore for. */
interface Change {
  readonly op: string;
  readonly path: string;
  readonly value: string | null;
}

/** What else the folder holds about its commands. */
export interface Texts {
  readonly jobLog: string;
  /** What xl printed, file by file. */
  readonly logs: readonly string[];
  /** Configurations of guests. */
  readonly configs: readonly string[];
}

/** Values a guest kernel chooses for itself. */
const guestsOwn = /\/(pci-op-ref|event-channel)$/;

interface Running {
  readonly plan: Plan;
  readonly job: number;
  /** Connection its requests come from. */
  readonly conn: string;
  readonly typed: Typed | null;
  /** When a device model was asked to let go of the first device, as the log's clock has it. */
  askedAt: string | null;
}

/** libxl waits so long for a device model to let a device go. @source LIBXL_QMP_CMD_TIMEOUT */
const REMOVAL_SECONDS = 10;

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
  /** Whether commands succeeded, and what lists printed. */
  readonly results: RowBuilder;
  readonly #log: PciLog;
  readonly #queues = new Map<string, Change[]>();
  readonly #commands: Commands;
  /** Failed calls to the device model of each domain. */
  readonly #unreachable: Map<number, number>;
  /** When each connection listed a guest's devices since its last command. */
  readonly #listed = new Map<string, string[]>();
  /** Plans of a connection when nothing of it had moved yet. */
  readonly #planned: ReadonlyMap<string, number>;
  /** Process each command belongs to: its connection, or a name of its own. */
  readonly #processes = new Map<number, string>();
  /** The log's clock; null when a connection ends, which the log gives no time for. */
  #now: string | null = null;
  #jobs = 0;

  constructor(set: string, name: string, run: string, text: string, texts: Texts) {
    this.#log = new PciLog(readXenstoredLog(text).records);
    this.machine = new RecordedMachine(run, this.#log.boundByCommand());
    this.row = new RowBuilder(set, `${name}/xenstored.trace: PCI changes`);
    this.results = new RowBuilder(set, `${name}/job.log: results of commands`);
    this.#commands = new Commands(texts.jobLog, texts.configs);
    this.#unreachable = unreachable([texts.jobLog, ...texts.logs]);
    this.#planned = new Map([...this.#log.plans].map(([conn, plans]) => [conn, plans.length]));
  }

  /** Whether any file names the commands about devices. */
  get namesCommands(): boolean {
    return this.#commands.namesCommands;
  }

  /** Whether the job's log holds every command with its arguments. */
  get isComplete(): boolean {
    return this.#commands.complete;
  }

  /** What each process of the toolstack printed about its devices, in the order in which they began. */
  printed(): readonly (readonly Printed[])[] {
    const byProcess = new Map<string, Printed[]>();
    const domids = new Map<number, number | null>();
    const verbs = new Map<number, string>();
    for (const event of this.machine.log) {
      if (event.kind === 'toolstack.requested') {
        const { job, op, domid } = event.data;
        domids.set(job, domid);
        if (op === 'attach' || op === 'detach') verbs.set(job, op === 'attach' ? 'add' : 'remove');
        const process = this.#processes.get(event.data.job);
        if (process !== undefined && !byProcess.has(process)) byProcess.set(process, []);
      } else if (event.kind === 'toolstack.logged') {
        const { job, level, text } = event.data;
        if (level !== 'error' && level !== 'warning') continue;
        const said = { source: '', from: '', domid: domids.get(job) ?? null, text: `${level}: ${text}` };
        byProcess.get(this.#processes.get(job) ?? '')?.push(said);
      } else if (event.kind === 'toolstack.finished' && event.data.rc !== 0) {
        // What waits for a single device says so when it failed. @source device_addrm_aocomplete
        const { job } = event.data;
        const verb = verbs.get(job);
        const said = { source: '', from: '', domid: null, text: `error: unable to ${verb} device` };
        if (verb !== undefined) byProcess.get(this.#processes.get(job) ?? '')?.push(said);
      }
    }
    return [...byProcess.values()];
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
        this.#now = null;
        this.#end(record.conn, running);
        for (const plan of plans.get(record.conn) ?? []) {
          this.#start(plan, record.conn, running);
          this.#end(record.conn, running);
        }
        plans.delete(record.conn);
        // Whoever prints the whole tree takes a snapshot.
        if (listers.has(record.conn)) this.#snapshot();
      } else if (record.is === 'request' && !this.#log.aborted.has(record)) {
        this.#now = record.time;
        const domid = domids.get(record.conn) ?? 0;
        const request = { ...record, path: absolutePath(record, domid) };
        if (!isPciPath(request.path)) this.#mirror(record, request);
        else if (changing.has(request.op)) {
          this.#log.coming.get(record.conn)?.shift();
          if (kernels.has(record.conn)) this.#kernel(domid, request);
          else this.#toolstack(request, plans, running);
        } else if (request.op === 'READ' && request.path.endsWith('/num_devs')) {
          this.#listed.set(record.conn, [...(this.#listed.get(record.conn) ?? []), record.time]);
          this.#lists(record.conn, plans, running);
        }
      }
    }
    for (const [conn, queue] of this.#queues) {
      for (const change of queue) this.#compare(`after the end, ${conn}`, null, change);
    }
    for (const given of this.#commands.rest(this.#meaning)) this.#blind(given);
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
    // Whoever shuts down has had time to see what its backend did before.
    const isShutDown = request.path.endsWith('/state') && request.value === '5' && front.state !== 5;
    if (isShutDown && front.wakes === 0) {
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
    const started = running.get(conn)!;
    this.#advance(started);
    // The device model is asked for every device as soon as they are listed.
    const isAsking = (): boolean =>
      /^(find|remove-from-dm)$/.test(this.machine.engine.state.toolstack.jobs[started.job]?.next ?? '');
    const isHvm = this.machine.engine.state.domains[next.domid ?? -1]?.type === 'hvm';
    for (let turn = 0; isHvm && turn < TURNS && isAsking(); turn++) this.#advance(started);
  }

  /** What words of a command mean by now. */
  readonly #meaning: Meaning = {
    domid: (name) => {
      const { nodes } = this.machine.engine.state.xenstore;
      const homes = nodes['/local/domain']?.children ?? [];
      const own = homes.findLast((domid) => nodes[`/local/domain/${domid}/name`]?.value === name);
      return own === undefined ? (/^\d+$/.test(name) ? Number(name) : null) : Number(own);
    },
    device: (name) => {
      const { nodes } = this.machine.engine.state.xenstore;
      const key = (nodes['/libxl/pci']?.children ?? []).find(
        (child) => nodes[`/libxl/pci/${child}/name`]?.value === name,
      );
      const parts = key === undefined ? null : /^(\w+)-(\w+)-(\w+)-(\w)$/.exec(key);
      return parts === null ? null : `${parts[1]}:${parts[2]}:${parts[3]}.${parts[4]}`;
    },
  };

  /** A command that left no trace in XenStore: the model says why, and whatever it changes there is one too many. */
  #blind({ op, domid, devices, options, typed }: Given): void {
    this.#jobs += 1;
    const job = this.#jobs;
    const plan: Plan = { op, domid, devices: [], options, driver: null, onlyLooked: true };
    const conn = `blind ${job}`;
    this.#request(job, conn, op, domid, devices, options);
    this.#ended({ plan, job, conn, typed, askedAt: null });
  }

  #request(
    job: number,
    process: string,
    op: Plan['op'],
    domid: number | null,
    devices: readonly string[],
    options: Plan['options'],
  ): void {
    this.#processes.set(job, process);
    const data = { job, op, domid: domid as DomainId | null, devices: devices.join(' '), options };
    this.#take({ kind: 'toolstack.requested', by: 'toolstack', data });
  }

  #start(plan: Plan, conn: string, running: Map<string, Running>): void {
    // A longer command lists devices when it is done.
    if (plan.onlyLooked && plan.op === 'detach' && this.#planned.get(conn) !== 1) return;
    const { before, typed, known } = this.#commands.find(plan, this.#meaning);
    for (const given of before) this.#blind(given);
    if (known === 'a list') {
      if (typed?.status === 0)
        this.results.compare(`pci-list ${typed.guest}`, 'list', typed.printed, this.#listOf(plan.domid ?? 0));
      return;
    }
    if (plan.devices.length === 0 && plan.onlyLooked && typed === null) return;
    if (
      typed === null &&
      this.#commands.complete &&
      /^(assignable-(add|remove)|attach|detach)$/.test(plan.op)
    ) {
      const what = `${plan.op} ${plan.devices.map(({ bdf }) => bdf).join(' ')}`;
      this.row.check(false, () => ({
        at: `requests of ${conn}`,
        input: what,
        expected: what,
        actual: 'nobody typed this command',
      }));
    }
    if (typed !== null) Object.assign(plan.options, optionsOf(typed));
    this.#jobs += 1;
    const job = this.#jobs;
    const { op, domid, options } = plan;
    const specs = this.#specs(plan, typed);
    const named = [...plan.devices.map(({ bdf }) => bdf), ...specs.flatMap((spec) => bdfOf(spec) ?? [])];
    for (const bdf of named) this.machine.need(parseSbdf(bdf) ?? -1);
    if (op === 'assignable-add') this.#bound(plan.devices[0]!.bdf, plan.driver);
    for (const one of plan.devices) if (one.options.includes('seize=1')) this.#bound(one.bdf, one.driver);
    this.#request(job, conn, op, domid, specs, options);
    running.set(conn, { plan, job, conn, typed, askedAt: null });
  }

  /** The devices as they were given: typed, in the guest's file, or else as XenStore tells of them. */
  #specs(plan: Plan, typed: Typed | null): readonly string[] {
    // At a guest's end libxl takes the list from XenStore.
    if (plan.op === 'destroy') return [];
    if (typed !== null) return typed.device === '' ? [] : [typed.device];
    const guest = this.machine.engine.state.xenstore.nodes[`/local/domain/${plan.domid}/name`]?.value ?? '';
    const list = plan.op === 'create' ? this.#commands.configured(guest, plan.devices, this.#meaning) : null;
    return list ?? plan.devices.map((one) => specification(this.#named(one)));
  }

  /** The name xl was given, where it looked one up. */
  #named(one: Asked): Asked {
    if (one.name !== '?') return one;
    const key = `/libxl/pci/${one.bdf.replace(/[:.]/g, '-')}/name`;
    return { ...one, name: this.machine.engine.state.xenstore.nodes[key]?.value ?? 'unknown' };
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
  #advance(active: Running): boolean {
    const { job, plan } = active;
    const state = this.machine.engine.state.toolstack.jobs[job]!;
    if (state.next === null) return false;
    if (state.waits === 'qmp') {
      const index = Number(state.vars['index'] ?? 0);
      const slot = plan.devices[index]?.vdevfn ?? 0;
      const reply = state.next === 'find-in-dm' && slot !== 0 ? slot.toString(16) : '';
      this.#take({ kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ok: true, reply } });
    } else if (state.waits === 'removal') {
      if (this.#isRemovalLate(active))
        this.#take({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
      else this.#take({ kind: 'toolstack.answered', by: 'dm:qemu', data: this.#answer(active, state) });
    } else if (state.waits === 'backend' && !backendReady(this.machine.engine, state.domid ?? -1)) {
      this.#take({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
    } else this.#take({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    return true;
  }

  /** Whether the wait had run out when the log goes on; a command that ends in the wait has waited to its end. */
  #isRemovalLate(active: Running): boolean {
    if (this.#now === null) return true;
    // The removal of the keys begins with a list of its own.
    const lists = this.#listed.get(active.conn) ?? [];
    active.askedAt ??= lists.at(-2) ?? lists.at(-1) ?? this.#now;
    return secondsOf(this.#now) - secondsOf(active.askedAt) >= REMOVAL_SECONDS;
  }

  /** Which device the device model lets go of first is its own affair; the log shows whose keys go first. */
  #answer({ job, plan }: Running, state: Readonly<Job>): { job: number; ok: boolean; reply: string } {
    const pending = (state.vars['pending'] ?? []) as readonly number[];
    const next = plan.devices
      .map(({ bdf }) => parseSbdf<Dom0Sbdf>(bdf))
      .find((one) => pending.includes(one ?? -1));
    const failed = this.#unreachable.get(state.domid ?? -1) ?? 0;
    if (failed > 0) this.#unreachable.set(state.domid ?? -1, failed - 1);
    return { job, ok: failed === 0, reply: next == null ? '' : qemuId(next) };
  }

  /** The connection closed: the command has done all it would. */
  #end(conn: string, running: Map<string, Running>): void {
    const active = running.get(conn);
    if (active === undefined) return;
    running.delete(conn);
    this.#ended(active);
  }

  #ended(active: Running): void {
    for (let turn = 0; turn < TURNS && this.#advance(active); turn++);
    this.#listed.delete(active.conn);
    if (active.typed !== null) this.#judgeResult(active, active.typed);
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

  #judgeResult({ job, plan }: Running, typed: Typed): void {
    const what = `${plan.op} ${[typed.guest, typed.device].filter((word) => word !== null && word !== '').join(' ')}`;
    const { rc } = this.machine.engine.state.toolstack.jobs[job]!;
    if (typed.status !== null && typed.status > 1) this.results.unmodelled('xl was stopped from outside');
    else if (typed.status !== null) {
      const word = (isGood: boolean): string => (isGood ? 'success' : 'failure');
      this.results.compare(what, 'result', word(typed.status === 0), word(rc === 0));
    }
    if (plan.op !== 'assignable-list' || typed.status !== 0) return;
    const known = this.machine.log.flatMap((event) =>
      event.kind === 'toolstack.logged' && event.data.job === job && event.data.level === 'output'
        ? [event.data.text.trimEnd()]
        : [],
    );
    this.results.compare(what, 'list', typed.printed, known);
  }

  /** What `xl pci-list` prints: libxl's database is XenStore. @source xl_pci.c, pcilist */
  #listOf(domid: number): readonly string[] {
    const { nodes } = this.machine.engine.state.xenstore;
    const key = (name: string): string | null => nodes[`${backendPath(domid)}/${name}`]?.value ?? null;
    const count = Number(key('num_devs') ?? 0);
    if (count === 0) return [];
    const lines = Array.from({ length: count }, (_, i) => {
      const vdevfn = Number.parseInt(key(`vdevfn-${i}`) ?? '0', 16);
      return `${hexPad((vdevfn >>> 3) & 0x1f, 2)}.${vdevfn & 7} ${key(`dev-${i}`)}`;
    });
    return ['Vdev Device', ...lines];
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

/** Of the day, `20261120 10:41:13`. */
function secondsOf(time: string): number {
  const [, days, hours, minutes, seconds] = /^(\d+) (\d+):(\d+):(\d+)$/.exec(time) ?? [];
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}

const isSame = (a: Change, b: Change): boolean =>
  a.path === b.path && a.op === b.op && (guestsOwn.test(a.path) || changeText(a) === changeText(b));

const changeText = ({ op, path, value }: Change): string =>
  `${op} ${path}${value === null || value === '' ? '' : ` ${value}`}`;
