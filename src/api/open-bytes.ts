import { bytesSource } from '../log/stores/memory-store.js';
import { Trace } from './trace.js';

/** Opens a trace that is in memory. @throws {Trouble} as the constructor of `Trace` */
export const openBytes = (bytes: Uint8Array): Trace => new Trace(bytesSource(bytes));
