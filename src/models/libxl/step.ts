import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import type { RecordObject } from '../../events/field.js';
import { type Dom0Sbdf, formatSbdf } from '../../pci/sbdf.js';
import { has, type XenChange } from '../../policy/has.js';
import type { Job, JobValue } from '../../state/toolstack.js';
import { toolstackConnection } from '../../state/xenstore.js';
import type { Context } from '../context.js';
import { DEVICES, driverLink, sysfsExists, sysfsList, sysfsRead, sysfsWrite } from '../linux/sysfs.js';
import { hardwareDomain } from '../xen/domains.js';
import { driverDomainHas } from '../xen/driver-domain.js';
import { enterXen } from '../xen/hypercalls.js';
import { XenstoreClient } from '../xenstore/client.js';
import { backendPath } from '../xenstore/xenbus.js';
import { EPIPE } from './channel/send.js';
import type { Unopened } from './device-model.js';

/** What a step leads to: the next one, a wait before it, or the end. */
export type Next =
  | { readonly to: string }
  | { readonly wait: 'qmp' | 'backend' | 'removal' | 'retry' | 'guest'; readonly to: string }
  | { readonly rc: number };

export type Step = (io: StepIo) => Next;
/** Steps of one command by name; the first is `start`. */
export type Steps = Readonly<Record<string, Step>>;

/** What woke a command from a wait. */
export interface Woken {
  readonly by: 'step' | 'timeout' | 'answer' | 'reply';
  readonly ok: boolean;
  readonly reply: string;
  /** Of a reply over the request channel: 0, or why there is no answer. */
  readonly errno?: number;
}

const TOOLSTACK = 'toolstack';
const TOOLSTACK_DOMAIN = 0 as DomainId;

/**
 * The stub domain of a guest. libxl keeps it in `image/device-model-domid` of the guest and `target` of the stub domain;
 * Xen has it as the target of the domain, which is what is read here.
 */
export function stubdomOf(context: Pick<Context, 'state'>, guest: number | null): DomainId | null {
  if (guest === null) return null;
  const { domains } = context.state;
  for (const domid in domains)
    if (domains[domid as unknown as number]!.target === guest) return Number(domid) as DomainId;
  return null;
}

/** What one step of xl can do and see. Every call outside is an event. */
export class StepIo {
  readonly context: Context;
  readonly jobId: number;
  readonly store: XenstoreClient;
  /** Changes of the job's memory, kept when the step has ended. */
  readonly vars: Record<string, JobValue> = {};
  /** What woke the job from a wait. */
  readonly woken: Woken;

  constructor(context: Context, jobId: number, woken: Woken) {
    this.context = context;
    this.jobId = jobId;
    this.woken = woken;
    this.store = new XenstoreClient(context, TOOLSTACK, toolstackConnection(jobId));
  }

  get job(): Readonly<Job> {
    return this.context.state.toolstack.jobs[this.jobId] as Readonly<Job>;
  }

  /** A remembered value, this step's changes first. */
  recall<T>(name: string, otherwise: T): T {
    return ((name in this.vars ? this.vars[name] : this.job.vars[name]) ?? otherwise) as T;
  }

  get domid(): number {
    return this.job.domid ?? -1;
  }

  /** `hvm`, `pv`, `pvh` or `arm`; what libxl reads from its own `type` key. */
  get guestType(): 'pv' | 'hvm' | 'pvh' | 'arm' {
    return this.context.state.domains[this.domid]?.type ?? 'pv';
  }

  /** The domain the device model of the guest runs in; null: in domain 0. @source facts/dom0 8.5 step 8 */
  get stubdom(): DomainId | null {
    return stubdomOf(this.context, this.job.domid);
  }

  /** Whether the toolstack's release has a change. */
  has(change: XenChange): boolean {
    return has(this.context.env, change);
  }

  /**
   * How the files of the hardware domain can be had: libxl reads its own domain's /sys; with another hardware domain
   * they are not there, unless that domain offers them over a channel (an idea of the 2020 thread, never built).
   * @source facts/dom0 12.3
   */
  #way(): 'direct' | 'answered' | 'channel' | 'broken' | 'none' {
    const { policies } = this.context.env;
    const { owners, vchan } = this.context.state;
    if (owners.settled) {
      if (owners.owner === owners.toolstack) return 'direct';
      if (this.woken.by === 'reply') return 'answered';
      return vchan.phase === 'closed' ? 'broken' : 'none';
    }
    if (hardwareDomain(this.context) === TOOLSTACK_DOMAIN && policies['hardware-domain'] === 'dom0')
      return 'direct';
    const { server, broken } = this.context.state.toolstack.channel;
    if (server === null) return 'none';
    return broken === null ? 'channel' : 'broken';
  }

  /** The hardware is another domain's, and there is or was a request channel to it. */
  get isFar(): boolean {
    const { owners, vchan } = this.context.state;
    return owners.settled && owners.owner !== owners.toolstack && vchan.phase !== 'absent';
  }

  /** Domain whose backend serves a guest: 0 as libxl is built. @source libxl_pci.c (backend_domid = 0) */
  get backendDomain(): number {
    if (!driverDomainHas(this.context, 'proposed')) return TOOLSTACK_DOMAIN;
    return this.context.state.owners.owner ?? this.context.state.vchan.server ?? TOOLSTACK_DOMAIN;
  }

  get backend(): string {
    return this.backendFor(this.domid);
  }

  backendFor(domid: number): string {
    return backendPath(domid, this.backendDomain);
  }

  /** Reaches a file one way or the other; the errno when it cannot be reached. */
  #reach<T>(verb: 'exists' | 'list' | 'read' | 'write' | 'link', path: string, access: () => T): T | null {
    const way = this.#way();
    const answer = way === 'direct' || way === 'channel' ? access() : null;
    if (way === 'none') {
      const errnoValue = -errno.ENOENT;
      this.context.emit(TOOLSTACK, 'sysfs.accessed', {
        verb,
        path,
        value: null,
        errno: errnoValue,
        result: null,
      });
    } else if (way !== 'direct' && way !== 'answered') {
      const errnoValue = way === 'broken' ? -EPIPE : typeof answer === 'number' ? answer : 0;
      this.context.emit(TOOLSTACK, 'channel.carried', { job: this.jobId, verb, path, errno: errnoValue });
    }
    return answer;
  }

  exists(path: string): boolean {
    if (this.#way() === 'answered') return this.woken.ok && !path.endsWith('/do_flr');
    return this.#reach('exists', path, () => sysfsExists(this.context, TOOLSTACK, path)) ?? false;
  }

  list(path: string): readonly string[] | null {
    if (this.#way() === 'answered') return this.woken.ok ? this.woken.reply.split(' ') : null;
    return this.#reach('list', path, () => sysfsList(this.context, TOOLSTACK, path));
  }

  read(path: string): string | null {
    if (this.#way() === 'answered') return this.woken.ok ? this.woken.reply : null;
    const answer = this.#reach('read', path, () => sysfsRead(this.context, TOOLSTACK, path));
    return answer !== null && answer.errno === 0 ? answer.text : null;
  }

  write(path: string, value: string): number {
    if (this.#way() === 'answered') return this.woken.errno ?? 0;
    const answer = this.#reach('write', path, () => sysfsWrite(this.context, TOOLSTACK, path, value));
    return answer ?? (this.#way() === 'broken' ? -EPIPE : -errno.ENOENT);
  }

  driverOf(device: Dom0Sbdf): string | null {
    const path = `${DEVICES}/${formatSbdf(device)}/driver`;
    return this.#reach('link', path, () => driverLink(this.context, TOOLSTACK, device));
  }

  domctl(op: string, args: RecordObject, domid: number = this.domid): number {
    return enterXen(this.context, TOOLSTACK_DOMAIN, 'domctl', op, { domain: domid, ...args }).ret;
  }

  physdev(op: string, args: RecordObject): number {
    return enterXen(this.context, TOOLSTACK_DOMAIN, 'physdev_op', op, args).ret;
  }

  /** The three system controls proposed in 2020 and never merged. @source facts/dom0 12.1 */
  sysctl(op: string, args: RecordObject): number {
    return enterXen(this.context, TOOLSTACK_DOMAIN, 'sysctl', op, args).ret;
  }

  /** Enumerates the devices Xen has marked as assignable, until it answers -EINVAL. */
  markedInXen(): readonly string[] {
    const names: string[] = [];
    for (let idx = 0; ; idx++) {
      const { ret, out } = enterXen(this.context, TOOLSTACK_DOMAIN, 'sysctl', 'pci_device_enum_assigned', {
        idx,
        report_not_assigned: 0,
      });
      if (ret !== 0 || out === undefined) return names;
      const name = out['machine_sbdf'];
      if (typeof name === 'number') names.push(formatSbdf(name as Dom0Sbdf));
    }
  }

  ask(command: string, args: RecordObject): void {
    this.context.emit(TOOLSTACK, 'toolstack.asked', { job: this.jobId, command, args });
  }

  /** The device model's answer where that follows from the place it runs in. */
  refused(command: string, why: Unopened): void {
    this.context.emit('dm:qemu', 'toolstack.refused', { job: this.jobId, command, ...why });
  }

  log(level: 'error' | 'warning' | 'info' | 'output', text: string): void {
    this.context.emit(TOOLSTACK, 'toolstack.logged', { job: this.jobId, level, text });
  }

  fail(text: string, code = -3): Next {
    this.log('error', text);
    return { rc: code };
  }
}
