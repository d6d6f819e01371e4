import type { ToolstackOp } from '../events/kinds/toolstack.js';
import type { Slice } from './slice.js';

/** What a command remembers between steps. */
export type JobValue = string | number | boolean | null | number[];

/** A command of xl and where it stands. */
export interface Job {
  op: ToolstackOp;
  domid: number | null;
  devices: string[];
  options: Record<string, JobValue>;
  /** The step to come; null: it has ended. */
  next: string | null;
  waits: 'no' | 'qmp' | 'backend' | 'removal' | 'channel' | 'retry' | 'guest';
  vars: Record<string, JobValue>;
  rc: number | null;
  /** Killed in the middle. */
  killed: boolean;
}

export interface ToolstackState {
  /** By job number. */
  jobs: Record<number, Job>;
  /** Hardware domain at the other end of the request channel. */
  channel: { server: number | null; broken: string | null };
}

const FIRST_STEP = 'start';

export const toolstackSlice: Slice<ToolstackState> = {
  initial: () => ({ jobs: {}, channel: { server: null, broken: null } }),
  on: {
    'toolstack.requested': (tools, { data }) => {
      tools.jobs[data.job] = {
        op: data.op,
        domid: data.domid,
        devices: data.devices === '' ? [] : data.devices.split(' '),
        options: { ...(data.options as Record<string, JobValue>) },
        next: FIRST_STEP,
        waits: 'no',
        vars: {},
        rc: null,
        killed: false,
      };
    },
    'channel.opened': (tools, { data }) => {
      tools.channel = { server: data.server, broken: null };
    },
    'channel.closed': (tools, { data }) => {
      tools.channel.broken = data.reason;
    },
    'domain.destroyed': (tools, { data }) => {
      if (tools.channel.server === data.domid) tools.channel.broken = 'the hardware domain is gone';
    },
    'toolstack.advanced': (tools, { data }) => {
      const job = tools.jobs[data.job];
      if (job === undefined) return;
      job.next = data.next;
      job.waits = data.waits;
      Object.assign(job.vars, data.vars);
    },
    'toolstack.finished': (tools, { data }) => {
      const job = tools.jobs[data.job];
      if (job === undefined) return;
      job.next = null;
      job.rc = data.rc;
    },
    'toolstack.absent': (tools, { data }) => {
      const job = tools.jobs[data.job];
      if (job !== undefined) job.next = null;
    },
    'system.reset': (tools) => {
      for (const job of Object.values(tools.jobs)) {
        if (job.next !== null) job.killed = true;
        job.next = null;
      }
    },
    'toolstack.killed': (tools, { data }) => {
      const job = tools.jobs[data.job];
      if (job === undefined || job.next === null) return;
      job.next = null;
      job.killed = true;
    },
  },
};
