import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../src/base/assert.js';
import { type CheckOptions, checkTrace } from './check-trace.js';

// One thread of a check: a file name comes in, what its replay came to goes out.
invariant(parentPort !== null, 'a check worker runs in a thread');
const port = parentPort;
port.on('message', (file: string) => port.postMessage(checkTrace(file, workerData as CheckOptions)));
