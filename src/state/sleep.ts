import type { Slice } from './slice.js';

/** What survives a sleep of the machine in memory. @source docs/models/toolstack.md, Suspend */
export interface SleepState {
  /** ACPI state the machine sleeps in; 0: it is awake. */
  state: number;
  /** Registers Linux has copied, by Dom0Sbdf and offset. */
  saved: Record<number, Record<number, number>>;
  /** What registers held that fell back, by function and offset. */
  fallen: Record<number, Record<number, number>>;
  /** Domains that stand still because they were asked to. */
  suspended: Record<number, true>;
}

export const sleepSlice: Slice<SleepState> = {
  initial: () => ({ state: 0, saved: {}, fallen: {}, suspended: {} }),
  on: {
    'linux.state-saved': (sleep, { data }) => {
      sleep.saved[data.sbdf] = { ...(data.saved as Record<number, number>) };
    },
    'machine.slept': (sleep, { data }) => {
      sleep.state = data.state;
      sleep.fallen = {};
    },
    'function.lost-power': (sleep, { data }) => {
      sleep.fallen[data.function] = { ...(data.registers as Record<number, number>) };
    },
    'domain.stopped': (sleep, { data }) => {
      if (data.reason === 'suspend') sleep.suspended[data.domid] = true;
    },
    'domain.destroyed': (sleep, { data }) => {
      delete sleep.suspended[data.domid];
    },
    'machine.woke': (sleep) => {
      sleep.state = 0;
    },
    'linux.device-woke': (sleep, { data }) => {
      delete sleep.saved[data.sbdf];
    },
  },
};
