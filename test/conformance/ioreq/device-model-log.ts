import { Trouble } from '../../../src/base/errors.js';

/** A request as QEMU's trace shows it; `addr` of type 2 is SBDF * 2^32 + register. @source facts/q35-qemu 3.2 */
export interface LoggedRequest {
  readonly is: 'request';
  readonly line: number;
  readonly type: number;
  readonly dir: 'read' | 'write';
  readonly df: boolean;
  readonly dataIsPtr: boolean;
  readonly addr: number;
  readonly data: bigint;
  readonly count: number;
  readonly size: number;
  /** What a read returned; null for writes and string reads. */
  answer: bigint | null;
}

/** A call of the device model about its server. */
export interface LoggedCall {
  readonly is: 'call';
  readonly line: number;
  readonly call: 'create' | 'resource' | 'state' | 'destroy' | 'map' | 'unmap';
  /** XEN_DMOP_IO_RANGE_*, for ranges. */
  readonly type: 0 | 1 | 2;
  readonly start: number;
  readonly end: number;
  readonly enable: number;
}

const REQUEST =
  /^(handle_ioreq|handle_ioreq_read) I\/O=\S+ (?:read )?type=(\d+)(?: dir=(\d))? df=(\d) ptr=(\d) port=(0x[0-9a-f]+) data=(0x[0-9a-f]+) count=(\d+) size=(\d+)$/;
const RANGE =
  /^xen_(map|unmap)_(portio_range|mmio_range|pcidev) id: \d+ (?:start: (0x[0-9a-f]+) end: (0x[0-9a-f]+)|bdf: ([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]+))$/;
const SERVER =
  /^xen_(ioreq_server_create|map_resource_ioreq|ioreq_server_state|ioreq_server_destroy) id: \d+(?:: enable: (\d))?/;

/**
 * Reads the log of a guest's QEMU (`-trace xen_* -trace handle_ioreq*`), as far as it is about its IOREQ server.
 * @throws {Trouble} CNF-020 a line that should be readable is not
 */
export function readDeviceModelLog(text: string, file: string): (LoggedRequest | LoggedCall)[] {
  const entries: (LoggedRequest | LoggedCall)[] = [];
  let last: LoggedRequest | null = null;
  for (const [index, row] of text.split('\n').entries()) {
    const line = index + 1;
    if (row.startsWith('handle_ioreq ') || row.startsWith('handle_ioreq_read ')) {
      const match = REQUEST.exec(row);
      if (match === null) throw unreadable(file, line, row);
      if (match[1] === 'handle_ioreq_read') {
        if (last !== null) last.answer = BigInt(match[7]!);
        continue;
      }
      last = {
        is: 'request',
        line,
        type: Number(match[2]),
        dir: match[3] === '1' ? 'read' : 'write',
        df: match[4] === '1',
        dataIsPtr: match[5] === '1',
        addr: Number(match[6]),
        data: BigInt(match[7]!),
        count: Number(match[8]),
        size: Number(match[9]),
        answer: null,
      };
      entries.push(last);
    } else {
      const call = toCall(row, line);
      if (call !== null) entries.push(call);
    }
  }
  return entries;
}

const serverCalls = {
  ioreq_server_create: 'create',
  map_resource_ioreq: 'resource',
  ioreq_server_state: 'state',
  ioreq_server_destroy: 'destroy',
} as const;

function toCall(row: string, line: number): LoggedCall | null {
  const none = { is: 'call', line, type: 0, start: 0, end: 0, enable: 0 } as const;
  const server = SERVER.exec(row);
  if (server !== null) {
    const call = serverCalls[server[1] as keyof typeof serverCalls];
    return { ...none, call, enable: Number(server[2] ?? 0) };
  }
  const range = RANGE.exec(row);
  if (range === null) return null;
  const call = range[1] as 'map' | 'unmap';
  if (range[2] === 'pcidev') {
    const [bus, dev, fn] = [range[5], range[6], range[7]].map((part) => Number.parseInt(part!, 16));
    const name = bus! * 256 + dev! * 8 + fn!;
    return { ...none, call, type: 2, start: name, end: name };
  }
  return {
    ...none,
    call,
    type: range[2] === 'mmio_range' ? 1 : 0,
    start: Number(range[3]),
    end: Number(range[4]),
  };
}

const unreadable = (file: string, line: number, row: string): Trouble =>
  new Trouble('CNF-020', 'a request of the device model cannot be read', {
    file,
    at: { line },
    actual: row.slice(0, 120),
  });
