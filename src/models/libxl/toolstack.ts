import type { RecordObject } from '../../events/field.js';
import type { ToolstackOp } from '../../events/kinds/toolstack.js';
import type { Context, Decider } from '../context.js';
import { backendPath } from '../linux/xenstored/xenbus.js';
import { assignableAdd, assignableList, assignableRemove } from './assignable.js';
import { attach } from './attach.js';
import { detach, isBackendReady } from './detach.js';
import { ledgerOf } from './leftovers.js';
import { parseSpec } from './spec.js';
import { StepIo, type Steps } from './step.js';

const commands: Readonly<Record<ToolstackOp, Steps>> = {
  'assignable-add': assignableAdd,
  'assignable-remove': assignableRemove,
  'assignable-list': assignableList,
  create: attach,
  attach,
  detach,
  destroy: detach,
};

/** A command starts: it has its connection to XenStore and has done nothing. */
export const decideToolstackRequest: Decider<'toolstack.requested'> = () => {};

/** One step of a command; a command that waits stays where it is unless what it waits for is there. */
export const decideToolstackStep: Decider<'toolstack.stepped'> = (context, { data }) => {
  const job = context.state.toolstack.jobs[data.job];
  if (job === undefined || job.next === null) return;
  if (job.waits === 'qmp' || job.waits === 'removal') return;
  if (job.waits === 'backend' && !backendReady(context, job.domid ?? -1)) return;
  run(context, data.job, { by: 'step', ok: true, reply: '' });
};

/** libxl polls the backend's state every 100 ms. */
export const backendReady = (context: Pick<Context, 'state'>, domid: number): boolean =>
  isBackendReady(context.state.xenstore.nodes[`${backendPath(domid)}/state`]?.value);

export const decideToolstackAnswer: Decider<'toolstack.answered'> = (context, { data }) => {
  const job = context.state.toolstack.jobs[data.job];
  if (job === undefined || job.next === null || (job.waits !== 'qmp' && job.waits !== 'removal')) return;
  run(context, data.job, { by: 'answer', ok: data.ok, reply: data.reply });
};

export const decideToolstackTimeout: Decider<'toolstack.timed-out'> = (context, { data }) => {
  const job = context.state.toolstack.jobs[data.job];
  if (job === undefined || job.next === null || job.waits === 'no') return;
  run(context, data.job, { by: 'timeout', ok: false, reply: '' });
};

function run(context: Context, jobId: number, woken: StepIo['woken']): void {
  const job = context.state.toolstack.jobs[jobId]!;
  const name = job.next!;
  const step = commands[job.op][name];
  if (step === undefined) return;
  const io = new StepIo(context, jobId, woken);
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
