/** One record. `words` are its payload. */
export interface XentraceRecord {
  readonly cpu: number;
  /** 28-bit event number. */
  readonly event: number;
  /** Cycles since `baseCycles`; of the record before on the same CPU where it has none; null before the first. */
  readonly cycles: number | null;
  /** It carries a time of its own. */
  readonly isStamped: boolean;
  readonly words: Uint32Array;
}
