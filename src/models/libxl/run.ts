import { errno } from '../../base/errno.js';
import type { RecordObject } from '../../events/field.js';
import type { ChannelVerb } from '../../events/kinds/owners.js';
import type { ToolstackOp } from '../../events/kinds/toolstack.js';
import { type Dom0Sbdf, formatSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import * as assignable from './assignable.js';
import * as attaching from './attach.js';
import { needOf } from './channel/requests.js';
import { EPIPE, sendRequest } from './channel/send.js';
import * as detaching from './detach.js';
import { ledgerOf } from './leftovers.js';
import { libxlPath } from './names.js';
import { save } from './save.js';
import { parseSpec } from './spec.js';
import { StepIo, type Steps, type Woken } from './step.js';

/** A command's steps, and the device that a step of it works on. */
interface Command {
  readonly steps: Steps;
  readonly deviceOf: (io: StepIo) => Dom0Sbdf;
}

const attach: Command = { steps: attaching.attach, deviceOf: attaching.deviceOf };
const detach: Command = { steps: detaching.detach, deviceOf: detaching.deviceOf };
/** Its steps work on the guest; none asks the hardware domain for a device. */
const saving: Command = { steps: save, deviceOf: detaching.deviceOf };
const keep = (steps: Steps): Command => ({ steps, deviceOf: assignable.deviceOf });

const commands: Readonly<Record<ToolstackOp, Command>> = {
  'assignable-add': keep(assignable.assignableAdd),
  'assignable-remove': keep(assignable.assignableRemove),
  'assignable-list': keep(assignable.assignableList),
  create: attach,
  attach,
  detach,
  destroy: detach,
  save: saving,
  migrate: saving,
};

/** A wait for the other end of the request channel ran out. */
export const noAnswer: Woken = { by: 'reply', ok: false, reply: '', errno: -errno.ETIMEDOUT };
const brokenPipe: Woken = { by: 'reply', ok: false, reply: '', errno: -EPIPE };

/** One step of a command, or the request to the hardware domain that the step needs first. */
export function runStep(context: Context, jobId: number, woken: Woken): void {
  const job = context.state.toolstack.jobs[jobId]!;
  const name = job.next!;
  const step = commands[job.op].steps[name];
  if (step === undefined) return;
  const answered = woken.by === 'step' ? askFirst(context, jobId, name) : woken;
  if (answered === 'waits') return;
  const io = new StepIo(context, jobId, answered ?? woken);
  if (answered === noAnswer || answered === brokenPipe || woken === noAnswer) {
    io.log('error', `request channel: ${woken === noAnswer ? 'no answer in time' : 'broken pipe'}`);
  }
  const next = step(io);
  const ended = 'rc' in next;
  context.emit('toolstack', 'toolstack.advanced', {
    job: jobId,
    step: name,
    next: ended ? null : next.to,
    waits: ended || !('wait' in next) ? 'no' : next.wait,
    vars: io.vars as RecordObject,
  });
  if (!ended) return;
  for (const text of job.devices) {
    const parsed = parseSpec(text);
    const sbdf = 'spec' in parsed ? parsed.spec.device : null;
    if (sbdf === null) continue;
    context.emit('toolstack', 'toolstack.ledger', { job: jobId, sbdf, ...ledgerOf(context.state, sbdf) });
  }
  context.emit('toolstack', 'toolstack.finished', { job: jobId, rc: next.rc });
}

/**
 * A step that works on files of another domain sends a request first, and runs when the reply is there. A closed
 * channel answers at once with a broken pipe; where there never was one the step finds no files. @source facts/dom0 12.3
 */
function askFirst(context: Context, jobId: number, name: string): Woken | 'waits' | null {
  const job = context.state.toolstack.jobs[jobId]!;
  const io = new StepIo(context, jobId, { by: 'step', ok: true, reply: '' });
  const verb = io.isFar ? needOf(context, job.op, name) : null;
  if (verb === null || !isWanted(io, name)) return null;
  if (context.state.vchan.phase !== 'open') return brokenPipe;
  const device = verb === 'list' ? null : commands[job.op].deviceOf(io);
  const argument = argumentOf(io, name, verb, device);
  const request = sendRequest(context, jobId, verb, device === null ? '' : formatSbdf(device), argument);
  if (request === null) return 'waits';
  context.emit('toolstack', 'toolstack.advanced', {
    job: jobId,
    step: `ask ${verb}`,
    next: name,
    waits: 'channel',
    vars: { request },
  });
  return 'waits';
}

/** Options of a device ask for some of the requests. */
const isWanted = (io: StepIo, step: string): boolean =>
  (io.job.op !== 'create' && io.job.op !== 'attach') || attaching.isWanted(io, step);

/** The driver to bind afterwards, as libxl has noted it; the guest an interrupt is to be mapped for; `seize`. */
function argumentOf(io: StepIo, step: string, verb: ChannelVerb, device: Dom0Sbdf | null): string {
  if (device === null) return '';
  const { op, options } = io.job;
  const attaches = op === 'attach' || op === 'create';
  if (verb === 'irq') return attaches ? String(step === 'stub-interrupt' ? io.stubdom : io.domid) : '';
  if (verb === 'bind') return attaches ? 'seize' : '';
  const isAsked = verb === 'unbind' && options['rebind'] === true;
  return isAsked ? (io.store.read(libxlPath(device, 'driver_path')) ?? '') : '';
}
