/**
 * Where traces live. Synchronous: replay reads block after block and has nothing else to do meanwhile. Every store
 * passes the same contract test.
 */
export interface TraceStore {
  /** @throws {Trouble} LOG-012 */
  open(name: string): TraceSource;
  /** Nothing is visible under `name` before `commit`. @throws {Trouble} LOG-012 */
  create(name: string): TraceTarget;
}

/** Bytes of one stored trace. */
export interface TraceSource {
  readonly sizeBytes: number;
  /** Exactly `sizeBytes` bytes from `offsetBytes`. @throws {Trouble} LOG-012 when they are not there */
  read(offsetBytes: number, sizeBytes: number): Uint8Array;
  close(): void;
}

/** A trace being written; appends only. */
export interface TraceTarget {
  write(bytes: Uint8Array): void;
  /** Makes what was written visible under its name, in one step. */
  commit(): void;
  /** Drops what was written; does nothing after `commit`. */
  abandon(): void;
}
