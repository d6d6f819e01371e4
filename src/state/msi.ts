import type { DomainId } from '../base/brand.js';
import type { FunctionId } from '../pci/function-id.js';
import type { Slice } from './slice.js';

/** One vector: what its driver asked for and what the function holds. @source facts/arm-msi-iommu 5.3, 7 */
export interface Vector {
  domid: DomainId;
  askedAddress: number;
  askedData: number;
  address: number;
  data: number;
  masked: boolean;
  pending: boolean;
  phase: 'free' | 'claimed' | 'armed' | 'fired';
  event: number | null;
  again: boolean;
}

export interface MsiFunction {
  kind: 'msi' | 'msix';
  enabled: boolean;
  messagesLog2: number;
  vectors: Record<number, Vector>;
}

/** Whose a host event is. */
export interface Claim {
  domid: DomainId;
  function: FunctionId;
  vector: number;
}

/** Messages a controller keeps until its handler reads them; the last writer of each is known to the model only. */
export interface Latched {
  event: number;
  function: FunctionId;
  /** Messages that became this one. */
  count: number;
}

export interface MsiState {
  /** By FunctionId. */
  functions: Record<number, MsiFunction>;
  /** By base of the controller, then by event. */
  claims: Record<number, Record<number, Claim>>;
  /** By base of the controller, then by slot. */
  latched: Record<number, Record<number, Latched>>;
}

/** Vectors of functions and the host events behind them. */
export const msiSlice: Slice<MsiState> = {
  initial: () => ({ functions: {}, claims: {}, latched: {} }),
  on: {
    'function.switched': (msi, { data }) => {
      const known = functionOf(msi, data.function);
      known.kind = data.kind;
      known.enabled = data.enabled;
      known.messagesLog2 = data.messagesLog2;
    },
    'vector.changed': (msi, { data }) => {
      functionOf(msi, data.function).vectors[data.vector] = {
        domid: data.domid,
        askedAddress: data.askedAddress,
        askedData: data.askedData,
        address: data.address,
        data: data.data,
        masked: data.masked,
        pending: data.pending,
        phase: data.phase,
        event: data.event,
        again: data.again,
      };
    },
    'vector.cleared': (msi, { data }) => {
      delete msi.functions[data.function];
    },
    'event.claimed': (msi, { data }) => {
      msi.claims[data.controller] ??= {};
      msi.claims[data.controller]![data.event] = {
        domid: data.domid,
        function: data.function,
        vector: data.vector,
      };
    },
    'event.freed': (msi, { data }) => {
      delete msi.claims[data.controller]?.[data.event];
    },
    'msi.latched': (msi, { data }) => {
      msi.latched[data.controller] ??= {};
      msi.latched[data.controller]![data.slot] = {
        event: data.event,
        function: data.function,
        count: data.merged + 1,
      };
    },
    'msi.drained': (msi, { data }) => {
      delete msi.latched[data.controller];
    },
  },
};

function functionOf(msi: MsiState, fn: number): MsiFunction {
  msi.functions[fn] ??= { kind: 'msix', enabled: false, messagesLog2: 0, vectors: {} };
  return msi.functions[fn]!;
}
