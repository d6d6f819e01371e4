import type { Immutable } from 'immer';
import type { Job } from '../../state/toolstack.js';
import type { Context, Decider } from '../context.js';
import { backendOf } from '../xenstore/xenbus.js';
import { isBackendReady } from './detach.js';
import { noAnswer, runStep } from './run.js';
import { hasSuspended } from './save.js';

/** A command starts: it has its connection to XenStore and has done nothing. Without a toolstack nobody starts it. */
export const decideToolstackRequest: Decider<'toolstack.requested'> = (context, { data }) => {
  const { owners } = context.state;
  if (!owners.settled || owners.toolstack !== null) return;
  const why = owners.down ?? 'no domain runs a toolstack: Xen built all of them from the device tree';
  context.emit('toolstack', 'toolstack.absent', { job: data.job, why });
};

/** One step of a command; a command that waits stays where it is unless what it waits for is there. */
export const decideToolstackStep: Decider<'toolstack.stepped'> = (context, { data }) => {
  const job = context.state.toolstack.jobs[data.job];
  if (job === undefined || job.next === null) return;
  if (job.waits === 'qmp' || job.waits === 'removal' || job.waits === 'channel') return;
  if (job.waits === 'backend' && !isWaitOver(context, job)) return;
  if (job.waits === 'guest' && !hasSuspended(context, job.domid ?? -1)) return;
  runStep(context, data.job, { by: 'step', ok: true, reply: '' });
};

/** The backend a command waits for: its guest's, or that of the guest's stub domain. */
export const isWaitOver = (context: Pick<Context, 'state'>, job: Immutable<Job>): boolean =>
  backendReady(context, Number(job.vars['subject'] ?? job.domid ?? -1));

/** libxl polls the backend's state every 100 ms. */
export const backendReady = (context: Pick<Context, 'state'>, domid: number): boolean =>
  isBackendReady(
    context.state.xenstore.nodes[`${backendOf(context.state.xenstore.nodes, domid)}/state`]?.value,
  );

export const decideToolstackAnswer: Decider<'toolstack.answered'> = (context, { data }) => {
  const job = context.state.toolstack.jobs[data.job];
  if (job === undefined || job.next === null || (job.waits !== 'qmp' && job.waits !== 'removal')) return;
  runStep(context, data.job, { by: 'answer', ok: data.ok, reply: data.reply });
};

export const decideToolstackTimeout: Decider<'toolstack.timed-out'> = (context, { data }) => {
  const job = context.state.toolstack.jobs[data.job];
  if (job === undefined || job.next === null || job.waits === 'no') return;
  if (job.waits === 'channel') runStep(context, data.job, noAnswer);
  else runStep(context, data.job, { by: 'timeout', ok: false, reply: '' });
};
