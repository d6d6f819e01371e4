/** Time for progress lines and benchmarks. Nothing that reaches a log may read it. */
export interface Clock {
  /** Monotonic nanoseconds. */
  now(): bigint;
}

export const systemClock: Clock = { now: () => process.hrtime.bigint() };
