import type { XenstoreRecord } from '../../../src/importers/xenstored/record.js';
import { abortedChanges } from './aborted.js';
import { isPciPath, type Plan, plansOf, type Request } from './plan.js';

export const changing: ReadonlySet<string> = new Set(['WRITE', 'RM', 'MKDIR', 'SET_PERMS']);

/** An access log, sorted by who asked. */
export class PciLog {
  readonly records: readonly XenstoreRecord[];
  /** Requests that came to nothing because their transaction did. */
  readonly aborted: ReadonlySet<XenstoreRecord>;
  readonly domids = new Map<string, number>();
  /** Connections of kernels: the first one, and those of guests. */
  readonly kernels = new Set<string>();
  /** Commands of each other connection. */
  readonly plans = new Map<string, Plan[]>();
  /** Connections that print the whole tree. */
  readonly listers = new Set<string>();
  /** PCI changes of each connection; whoever goes through the log takes them off. */
  readonly coming = new Map<string, Request[]>();

  constructor(records: readonly XenstoreRecord[]) {
    this.records = records;
    this.aborted = abortedChanges(records);
    const requests = new Map<string, Request[]>();
    let connections = 0;
    for (const record of records) {
      if (record.is === 'connect') {
        this.domids.set(record.conn, record.domid);
        if (connections === 0 || record.domid !== 0) this.kernels.add(record.conn);
        connections += 1;
      } else if (record.is === 'request' && !this.aborted.has(record)) {
        const absolute = { ...record, path: absolutePath(record, this.domids.get(record.conn) ?? 0) };
        const own = requests.get(record.conn);
        if (own === undefined) requests.set(record.conn, [absolute]);
        else own.push(absolute);
      }
    }
    for (const [conn, list] of requests) {
      this.coming.set(
        conn,
        list.filter(({ op, path }) => changing.has(op) && isPciPath(path)),
      );
      if (!this.kernels.has(conn)) this.plans.set(conn, [...plansOf(list)]);
      if (list.some(({ op, path }) => op === 'DIRECTORY' && path === '/')) this.listers.add(conn);
    }
  }

  /** Devices that a command gave to pciback at some time. */
  boundByCommand(): ReadonlySet<string> {
    const bound = [...this.plans.values()]
      .flat()
      .flatMap(({ op, devices }) =>
        devices.filter(({ options }) => op === 'assignable-add' || options.includes('seize=1')),
      );
    return new Set(bound.map(({ bdf }) => bdf));
  }
}

const nodeOps: ReadonlySet<string> = new Set(['READ', 'DIRECTORY', 'GET_PERMS', ...changing]);

/** Paths of a kernel are below its home; the arguments of other requests are no paths. */
export const absolutePath = ({ op, path }: Request, domid: number): string =>
  path.startsWith('/') || !nodeOps.has(op) ? path : `/local/domain/${domid}/${path}`;
