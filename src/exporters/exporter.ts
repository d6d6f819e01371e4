import type { TraceEvent } from '../events/catalogue.js';
import type { Provenance, TraceHeader } from '../log/header.js';
import type { BridgeTable } from '../pci/function-id.js';

/** A trace as an exporter sees it. */
export interface ExportedTrace {
  readonly header: TraceHeader;
  readonly platform: BridgeTable;
  /** The files the trace was made of, which are outside its digest. */
  readonly sources: readonly Provenance[];
  /** Every event, once, in order. */
  readonly events: Iterable<TraceEvent>;
}

/** A format of text that a trace can be written in. */
export interface Exporter {
  /** The trace line by line, each without its end. Takes events one by one: a trace may be larger than memory. */
  lines(trace: ExportedTrace): Iterable<string>;
  /** Whether a file that begins so is an earlier export in this format, which a new one may replace. */
  isOne(head: Uint8Array): boolean;
}
