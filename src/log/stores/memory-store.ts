import { logTrouble } from '../trouble.js';
import type { TraceSource, TraceStore, TraceTarget } from './store.js';

/** Traces in memory. */
export class MemoryStore implements TraceStore {
  readonly #files = new Map<string, Uint8Array>();

  open(name: string): TraceSource {
    const bytes = this.#files.get(name);
    if (bytes === undefined) throw logTrouble('LOG-012', 'no such trace', { file: name });
    return bytesSource(bytes);
  }

  create(name: string): TraceTarget {
    const parts: Uint8Array[] = [];
    let open = true;
    return {
      write: (bytes) => {
        if (open) parts.push(bytes.slice());
      },
      commit: () => {
        if (open) this.#files.set(name, concat(parts));
        open = false;
      },
      abandon: () => {
        open = false;
      },
    };
  }
}

/** A trace that is already in memory. */
export function bytesSource(bytes: Uint8Array): TraceSource {
  return {
    sizeBytes: bytes.length,
    read: (offsetBytes, sizeBytes) => {
      if (offsetBytes + sizeBytes > bytes.length) {
        throw logTrouble('LOG-012', 'it ends early', { at: { offsetBytes } });
      }
      return bytes.subarray(offsetBytes, offsetBytes + sizeBytes);
    },
    close: () => {},
  };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
