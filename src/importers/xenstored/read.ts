import type { XenstoreOp } from '../../events/kinds/xenbus.js';
import { xenstoreOps } from '../../events/kinds/xenbus.js';

/** One line of xenstored's access log that says something. */
export type XenstoreRecord =
  | { readonly is: 'connect'; readonly line: number; readonly conn: string; readonly domid: number }
  | { readonly is: 'disconnect'; readonly line: number; readonly conn: string }
  | {
      readonly is: 'request';
      readonly line: number;
      readonly conn: string;
      readonly time: string;
      readonly op: XenstoreOp;
      readonly path: string;
      readonly value: string | null;
      /** Transaction it belongs to, 0 outside any; deduced, the log does not say. */
      readonly tx: number;
    }
  | {
      readonly is: 'reply';
      readonly line: number;
      readonly conn: string;
      readonly op: string;
      readonly error: string | null;
      readonly data: string;
    }
  | {
      readonly is: 'event';
      readonly line: number;
      readonly conn: string;
      readonly path: string;
      readonly token: string;
    }
  /** An event was left out because an equal one still waited to be sent. */
  | {
      readonly is: 'dropped';
      readonly line: number;
      readonly domid: number;
      readonly path: string;
      readonly token: string;
    };

/** The log, and what of it could not be read. */
export interface XenstoreLog {
  readonly records: readonly XenstoreRecord[];
  /** Lines of no known form, or of request types XenStore's protocol does not have. */
  readonly skipped: readonly { readonly line: number; readonly text: string }[];
}

/**
 * From 4.18 on a line names its class first and the domain behind the connection; from 4.19 on a reply stands where its
 * sending begins, `OUT(START)`, and again where it ends, unless both are one.
 * @source Xen tools/xenstored/core.c trace_io; commits 1d2355d1c6, cf40abbc7f
 */
const MESSAGE =
  /^(IN|OUT|OUT\(START\)|OUT\(END\)|OUT\(ERR\)) (0x[0-9a-f]+) (?:\(d\d+\) )?(\d{8} \d\d:\d\d:\d\d) ([A-Z_]+) \((.*)\)$/s;
const CLASS = /^(?:io|obj): (?=IN |OUT|CREATE |DESTROY |CONN |dropping )/;
const LIFE = /^(CREATE|DESTROY) connection (0x[0-9a-f]+)$/;
const DROPPED = /^dropping duplicate watch (\S+) (\S+) for domain (\d+)$/;
/** Lines about xenstored's own bookkeeping. */
const TALK =
  /^((?:wrl|acc|tdb):|(CREATE|DESTROY) (watch|transaction) |Checking store|\*\*\*|CONN 0x[0-9a-f]+ ignored|TDB|obj: |$)/;

/**
 * Reads the log C xenstored writes (`--trace-file`). Addresses of connections are reused, so each life of one gets a
 * name of its own, `c<n>`. The first connection is domain 0's kernel; the one made after an INTRODUCE is that
 * domain's; all others are Dom0's user space.
 *
 * The log does not say which transaction a request belongs to: one sent after the reply that opened a transaction and
 * before its end is taken to be inside, unless its watch events show that it was not, or the transaction was
 * abandoned, which only readers do.
 */
export function readXenstoredTrace(text: string): XenstoreLog {
  const records: XenstoreRecord[] = [];
  const skipped: { line: number; text: string }[] = [];
  const lives = new Map<string, string>();
  let connections = 0;
  let introducing: number | null = null;
  for (const { line, text: one } of logicalLines(text)) {
    const life = LIFE.exec(one);
    if (life !== null) {
      const address = life[2]!;
      if (life[1] === 'CREATE') {
        connections += 1;
        lives.set(address, `c${connections}`);
        records.push({ is: 'connect', line, conn: `c${connections}`, domid: introducing ?? 0 });
        introducing = null;
      } else {
        records.push({ is: 'disconnect', line, conn: lives.get(address) ?? address });
      }
      continue;
    }
    const dropped = DROPPED.exec(one);
    if (dropped !== null) {
      const [, path, token, domid] = dropped as unknown as [string, string, string, string];
      records.push({ is: 'dropped', line, domid: Number(domid), path, token });
      continue;
    }
    const message = MESSAGE.exec(one);
    if (message === null) {
      if (!TALK.test(one)) skipped.push({ line, text: one });
      continue;
    }
    const [, direction, address, time, op, body] = message as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const conn = lives.get(address) ?? address;
    if (direction === 'OUT(END)' || direction === 'OUT(ERR)') continue; // The reply stands where its sending began.
    if (direction === 'IN') {
      if (!isOp(op)) {
        skipped.push({ line, text: one });
        continue;
      }
      records.push({ is: 'request', line, conn, time, op, ...splitBody(op, body), tx: 0 });
      if (op === 'INTRODUCE') introducing = Number(body.split(' ')[0]);
    } else if (op === 'WATCH_EVENT') {
      const [path, token] = body.trimEnd().split(' ');
      records.push({ is: 'event', line, conn, path: path ?? '', token: token ?? '' });
    } else if (op === 'ERROR') {
      records.push({ is: 'reply', line, conn, op, error: body.trim(), data: '' });
    } else {
      records.push({
        is: 'reply',
        line,
        conn,
        op,
        error: null,
        data: op === 'READ' ? body : body.replace(/ $/, ''),
      });
    }
  }
  return { records: withTransactions(records), skipped };
}

const isOp = (op: string): op is XenstoreOp => (xenstoreOps as readonly string[]).includes(op);

/** A value may hold line feeds: what follows up to the next line that begins like one belongs to it. */
function* logicalLines(text: string): Generator<{ line: number; text: string }> {
  const starts =
    /^(IN|OUT(?:\((?:START|END|ERR)\))?) 0x|^(CREATE|DESTROY|CONN|wrl:|acc:|tdb:|Checking|\*\*\*|TDB|obj:)|^dropping duplicate watch /;
  let held: { line: number; text: string } | null = null;
  let line = 0;
  for (const raw of linesOf(text)) {
    line += 1;
    const one = raw.replace(CLASS, '');
    if (held !== null && !starts.test(one)) {
      held.text += `\n${one}`;
      if (one.endsWith(')')) {
        yield held;
        held = null;
      }
      continue;
    }
    if (held !== null) yield held;
    held = null;
    const open = /^(IN|OUT(?:\((?:START|END|ERR)\))?) 0x/.test(one) && !one.endsWith(')');
    if (open) held = { line, text: one };
    else yield { line, text: one };
  }
  if (held !== null) yield held;
}

/** One after the other: a list of all lines of a log of line feeds would take far more memory than the log. */
function* linesOf(text: string): Generator<string> {
  let from = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
    yield text.slice(from, end);
    from = end + 1;
  }
  yield text.slice(from);
}

function splitBody(op: XenstoreOp, body: string): { path: string; value: string | null } {
  switch (op) {
    case 'WRITE': {
      const at = body.indexOf(' ');
      return at < 0 ? { path: body, value: '' } : { path: body.slice(0, at), value: body.slice(at + 1) };
    }
    case 'SET_PERMS':
    case 'WATCH':
    case 'UNWATCH':
    case 'INTRODUCE':
    case 'SET_TARGET': {
      const [path, ...rest] = body.trimEnd().split(' ');
      return { path: path ?? '', value: rest.join(' ') };
    }
    case 'TRANSACTION_END':
      return { path: '', value: body.trim() };
    case 'TRANSACTION_START':
      return { path: '', value: null };
    default:
      return { path: body.trimEnd(), value: null };
  }
}

/** Gives each request the transaction it most likely belongs to. */
function withTransactions(records: readonly XenstoreRecord[]): XenstoreRecord[] {
  const open = new Map<string, number[]>();
  const members = new Map<string, number[]>();
  const result = [...records];
  records.forEach((record, at) => {
    if (record.is === 'disconnect') open.delete(record.conn);
    if (record.is === 'reply' && record.op === 'TRANSACTION_START') {
      const id = Number(record.data);
      open.set(record.conn, [...(open.get(record.conn) ?? []), id]);
      members.set(`${record.conn} ${id}`, []);
      return;
    }
    if (record.is !== 'request') return;
    const ids = open.get(record.conn);
    const id = ids?.at(-1);
    if (ids === undefined || id === undefined || record.op === 'TRANSACTION_START') return;
    const inside = members.get(`${record.conn} ${id}`)!;
    if (isChange(record) && firesAtOnce(records, at, record)) {
      // What led to a change outside was read outside.
      for (const member of inside) {
        const one = result[member];
        if (one?.is === 'request' && one.path === record.path) result[member] = { ...one, tx: 0 };
      }
      return;
    }
    result[at] = { ...record, tx: id };
    if (record.op !== 'TRANSACTION_END') {
      inside.push(at);
      return;
    }
    ids.pop();
    members.delete(`${record.conn} ${id}`);
    if (record.value !== 'F') return;
    // With another one open it was that one's: a kernel runs several at a time over its one connection.
    const other = ids.at(-1) ?? 0;
    const changed = new Set(inside.flatMap((member) => changedPath(result[member])));
    for (const member of inside) {
      const one = result[member];
      const moves = one?.is === 'request' && (isChange(one) || (other !== 0 && changed.has(one.path)));
      if (!moves) continue;
      result[member] = { ...one, tx: other };
      if (other !== 0) members.get(`${record.conn} ${other}`)!.push(member);
    }
  });
  return result;
}

const changedPath = (record: XenstoreRecord | undefined): string[] =>
  record?.is === 'request' && isChange(record) ? [record.path] : [];

type RequestRecord = Extract<XenstoreRecord, { is: 'request' }>;

const isChange = ({ op }: RequestRecord): boolean => op === 'WRITE' || op === 'RM' || op === 'MKDIR';

/** A change made outside shows itself: its watch events come before its own reply. */
function firesAtOnce(records: readonly XenstoreRecord[], at: number, request: RequestRecord): boolean {
  for (let next = at + 1; next < records.length; next++) {
    const record = records[next]!;
    if (record.is === 'reply' && record.conn === request.conn) return false;
    if (record.is !== 'event') continue;
    if (record.path === request.path || request.path.endsWith(`/${record.path}`)) return true;
  }
  return false;
}
