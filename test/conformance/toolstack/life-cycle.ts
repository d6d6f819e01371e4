import type { DomainId } from '../../../src/base/brand.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import { readXenstoredTrace, type XenstoreRecord } from '../../../src/importers/xenstored-trace.js';
import { backendReady } from '../../../src/models/libxl/toolstack.js';
import { parseSbdf } from '../../../src/pci/sbdf.js';
import { type Row, RowBuilder } from '../row.js';
import { isPciPath, type Plan, plansOf, type Typed, typedCommands } from './plan.js';
import { RecordedMachine } from './recorded-machine.js';

type Request = Extract<XenstoreRecord, { is: 'request' }>;

/** One change a party asked XenStore for. */
interface Change {
  readonly op: string;
  readonly path: string;
  readonly value: string | null;
}

const changing: ReadonlySet<string> = new Set(['WRITE', 'RM', 'MKDIR', 'SET_PERMS']);

/** Values a guest kernel chooses for itself. */
const guestsOwn = /\/(pci-op-ref|event-channel)$/;

interface Running {
  readonly plan: Plan;
  readonly job: number;
}

/**
 * Lets the models live through a recording: commands of xl, watch deliveries and guest drivers move when the log shows
 * their next request, and what they ask of XenStore is held against the log, party by party and in order.
 */
export class LifeCycle {
  readonly machine: RecordedMachine;
  readonly row: RowBuilder;
  readonly #text: string;
  /** Lines of xl's logs, for the moments at which waits ran out. */
  readonly #messages: string;
  readonly #queues = new Map<string, Change[]>();
  /** Commands of the job's log that are still to come. */
  readonly #typed: Typed[];
  #jobs = 0;

  constructor(set: string, file: string, run: string, text: string, messages: string) {
    this.machine = new RecordedMachine(run);
    this.row = new RowBuilder(set, file);
    this.#text = text;
    this.#messages = messages;
    this.#typed = [...typedCommands(messages)];
  }

  /** Runs the whole recording; the row holds the changes of pciback, pcifront and libxl. */
  live(): Row {
    const { records } = readXenstoredTrace(this.#text);
    const domids = new Map<string, number>();
    const kernels = new Set<string>();
    const requests = new Map<string, Request[]>();
    let connections = 0;
    for (const record of records) {
      if (record.is === 'connect') {
        domids.set(record.conn, record.domid);
        if (connections === 0 || record.domid !== 0) kernels.add(record.conn);
        connections += 1;
      } else if (record.is === 'request') {
        const absolute = { ...record, path: absolutePath(record, domids.get(record.conn) ?? 0) };
        requests.set(record.conn, [...(requests.get(record.conn) ?? []), absolute]);
      }
    }
    const plans = new Map<string, Plan[]>();
    for (const [conn, list] of requests) if (!kernels.has(conn)) plans.set(conn, [...plansOf(list)]);
    const running = new Map<string, Running>();

    for (const record of records) {
      if (record.is === 'connect') {
        const data = { conn: record.conn, domid: record.domid as DomainId };
        this.#take({ kind: 'xenstore.connected', by: 'xenstored', data });
      } else if (record.is === 'disconnect') {
        this.#take({ kind: 'xenstore.disconnected', by: 'xenstored', data: { conn: record.conn } });
        this.#end(record.conn, running);
        for (const plan of plans.get(record.conn) ?? []) this.#start(plan, record.conn, running);
        this.#end(record.conn, running);
        plans.delete(record.conn);
      } else if (record.is === 'request') {
        const domid = domids.get(record.conn) ?? 0;
        const request = { ...record, path: absolutePath(record, domid) };
        if (!isPciPath(request.path)) this.#mirror(record, request);
        else if (changing.has(request.op)) {
          if (kernels.has(record.conn)) this.#kernel(domid, request);
          else this.#toolstack(request, plans, running);
        }
      }
    }
    for (const [conn, queue] of this.#queues) {
      for (const change of queue) this.#compare(`after the end, ${conn}`, null, change);
    }
    return this.row.row();
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
    const ready = (): boolean => (this.#queues.get(conn)?.length ?? 0) > 0;
    for (let turn = 0; turn < 200 && !ready(); turn++) {
      if (domid === 0) {
        if (this.machine.engine.state.pciback.wakes.length === 0) break;
        this.#take({ kind: 'pciback.woke', by: 'd0', data: {} });
      } else if (!this.#guestMoves(domid, request)) break;
    }
    this.#compare(`line ${request.line}`, request, this.#queues.get(conn)?.shift());
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
    for (let turn = 0; turn < 400; turn++) {
      const active = running.get(conn);
      if (active !== undefined && (this.#queues.get(`xl${active.job}`)?.length ?? 0) > 0) break;
      if (active !== undefined && this.#advance(active)) continue;
      const next = plans.get(conn)?.shift();
      if (next === undefined) break;
      this.#start(next, conn, running);
    }
    const active = running.get(conn);
    const queue = active === undefined ? undefined : this.#queues.get(`xl${active.job}`);
    this.#compare(`line ${request.line}`, request, queue?.shift());
  }

  /** Runs the typed commands before this one; they left no trace in XenStore because they failed before. */
  #catchUp(plan: Plan): void {
    if (plan.op !== 'assignable-add' && plan.op !== 'assignable-remove') return;
    const own = this.#typed.findIndex(({ op, device }) => op === plan.op && device === plan.devices[0]);
    if (own < 0) return;
    for (const { op, device } of this.#typed.splice(0, own)) {
      this.#jobs += 1;
      const data = { job: this.#jobs, op, domid: null, devices: device, options: {} };
      this.#take({ kind: 'toolstack.requested', by: 'toolstack', data });
      const failed = { plan: { ...plan, op, devices: [device] }, job: this.#jobs };
      for (let turn = 0; turn < 50 && this.#advance(failed); turn++);
    }
    if (this.#typed.shift()?.rebind === true) plan.options['rebind'] = true;
  }

  #start(plan: Plan, conn: string, running: Map<string, Running>): void {
    this.#catchUp(plan);
    this.#jobs += 1;
    const job = this.#jobs;
    for (const device of plan.devices) this.machine.need(parseSbdf(device.split(/[,@]/)[0]!) ?? -1);
    if (plan.driver !== null) {
      const value = plan.devices[0] ?? '';
      const held = this.machine.engine.state.linux.devices[parseSbdf(value) ?? -1]?.driver;
      if (held == null) {
        const path = `${plan.driver}/bind`;
        this.#take({ kind: 'sysfs.requested', by: 'd0', data: { verb: 'write', path, value } });
      }
    } else if (plan.op === 'assignable-add') this.#unbind(plan.devices[0] ?? '');
    const { op, options } = plan;
    const domid = plan.domid === null ? null : (plan.domid as DomainId);
    const devices = op === 'destroy' ? '' : plan.devices.join(' ');
    this.#take({ kind: 'toolstack.requested', by: 'toolstack', data: { job, op, domid, devices, options } });
    running.set(conn, { plan, job });
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
      const reply = state.next === 'find-in-dm' ? this.#slotOf(plan, index) : '';
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

  /** The slot QEMU chose: what `query-pci` said shows in the key libxl wrote for it. */
  #slotOf(plan: Plan, index: number): string {
    const bdf = plan.devices[index]?.split(/[,@]/)[0] ?? '';
    const at = this.#text.indexOf(` ${bdf})`, this.#text.indexOf(`backend/pci/${plan.domid}/0/key-`));
    const key = new RegExp(`WRITE \\(/local/domain/0/backend/pci/${plan.domid}/0/vdevfn-\\d+ ([0-9a-f]+)\\)`);
    return at < 0 ? '' : (key.exec(this.#text.slice(at))?.[1] ?? '');
  }

  #removalTimedOut(job: { readonly vars: Readonly<Record<string, unknown>> }): boolean {
    const devices = (job.vars['devices'] ?? []) as readonly number[];
    const device = devices[Number(job.vars['index'] ?? 0)] ?? 0;
    const id = `${((device >>> 8) & 0xff).toString(16).padStart(2, '0')}_${((device >>> 3) & 31).toString(16).padStart(2, '0')}.${device & 7}`;
    return this.#messages.includes(`timed out waiting for DM to remove pci-pt-${id}`);
  }

  /** The connection closed: the command has done all it would. */
  #end(conn: string, running: Map<string, Running>): void {
    const active = running.get(conn);
    if (active === undefined) return;
    for (let turn = 0; turn < 400 && this.#advance(active); turn++);
    const queue = this.#queues.get(`xl${active.job}`) ?? [];
    for (const change of queue.splice(0)) this.#compare(`end of ${active.plan.op}`, null, change);
    running.delete(conn);
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

const changeText = ({ op, path, value }: Change): string =>
  `${op} ${path}${value === null || value === '' ? '' : ` ${value}`}`;

const nodeOps: ReadonlySet<string> = new Set(['READ', 'DIRECTORY', 'GET_PERMS', ...changing]);

/** Paths of a kernel are below its home; the arguments of other requests are no paths. */
const absolutePath = ({ op, path }: Request, domid: number): string =>
  path.startsWith('/') || !nodeOps.has(op) ? path : `/local/domain/${domid}/${path}`;
