import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { XenstoreOp } from '../../events/kinds/xenbus.js';
import { xenstoreOps } from '../../events/kinds/xenbus.js';
import type { LineReader } from '../lines.js';
import type { XenstoreRecord } from './record.js';
import { Transactions } from './transactions.js';

/** Takes what a log says. */
export interface XenstoreTaker {
  record(record: XenstoreRecord): void;
  /** A line of no known form, or of a request type XenStore's protocol does not have. */
  skipped(line: number, text: string): void;
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

/** A line that begins a message or an end of one before it. */
const STARTS =
  /^(IN|OUT(?:\((?:START|END|ERR)\))?) 0x|^(CREATE|DESTROY|CONN|wrl:|acc:|tdb:|Checking|\*\*\*|TDB|obj:)|^dropping duplicate watch /;
/** A line that begins a message. */
const BEGINS = /^(IN|OUT(?:\((?:START|END|ERR)\))?) 0x/;

/**
 * Reads the log C xenstored writes (`--trace-file`), line by line. Addresses of connections are reused, so each life of
 * one gets a name of its own, `c<n>`. The first connection is domain 0's kernel; the one made after an INTRODUCE is that
 * domain's; all others are Dom0's user space. What transaction a request belongs to is deduced (`Transactions`).
 * @throws {Trouble} XSL-001 a message is too long, XSL-002 too many connections
 */
export class XenstoredReader implements LineReader {
  readonly #taker: XenstoreTaker;
  readonly #transactions: Transactions;
  readonly #lives = new Map<string, string>();
  #connections = 0;
  #introducing: number | null = null;
  /** A message whose value holds line feeds: what follows up to the next line that begins like one belongs to it. */
  #held: { readonly line: number; readonly parts: string[]; size: number } | null = null;

  constructor(taker: XenstoreTaker) {
    this.#taker = taker;
    this.#transactions = new Transactions((record) => taker.record(record));
  }

  line(raw: string, number: number): void {
    const text = raw.replace(CLASS, '');
    if (this.#held !== null && !STARTS.test(text)) {
      this.#held.parts.push(text);
      this.#held.size += text.length + 1;
      if (this.#held.size > limits.xenstoredMessageCharacters) throw tooLong(this.#held.line);
      if (text.endsWith(')')) this.#release();
      return;
    }
    this.#release();
    if (BEGINS.test(text) && !text.endsWith(')')) {
      this.#held = { line: number, parts: [text], size: text.length };
    } else this.#message(text, number);
  }

  end(rest: string, number: number): void {
    this.line(rest, number);
    this.#release();
    this.#transactions.end();
  }

  #release(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#message(held.parts.join('\n'), held.line);
  }

  #message(text: string, line: number): void {
    const record = this.#recordOf(text, line);
    if (record === 'talk') return;
    if (record === null) this.#taker.skipped(line, text);
    else this.#transactions.take(record, text.length);
  }

  #recordOf(text: string, line: number): XenstoreRecord | 'talk' | null {
    const life = LIFE.exec(text);
    if (life !== null) return this.#life(life[1]!, life[2]!, line);
    const dropped = DROPPED.exec(text);
    if (dropped !== null) {
      const [, path, token, domid] = dropped as unknown as [string, string, string, string];
      return { is: 'dropped', line, domid: Number(domid), path, token };
    }
    const message = MESSAGE.exec(text);
    if (message === null) return TALK.test(text) ? 'talk' : null;
    const [, direction, address, time, op, body] = message as unknown as string[] & { length: 6 };
    const conn = this.#lives.get(address!) ?? address!;
    // The reply stands where its sending began.
    if (direction === 'OUT(END)' || direction === 'OUT(ERR)') return 'talk';
    if (direction !== 'IN') return answer(line, conn, op!, body!);
    if (!isOp(op!)) return null;
    if (op === 'INTRODUCE') this.#introducing = Number(body!.split(' ')[0]);
    return { is: 'request', line, conn, time: time!, op, ...splitBody(op, body!), tx: 0 };
  }

  #life(what: string, address: string, line: number): XenstoreRecord {
    if (what === 'DESTROY') {
      const conn = this.#lives.get(address) ?? address;
      this.#lives.delete(address);
      return { is: 'disconnect', line, conn };
    }
    const before = this.#lives.get(address);
    // Where the end of its last life is missing from the log, this is it.
    if (before !== undefined) this.#transactions.take({ is: 'disconnect', line, conn: before }, 0);
    this.#lives.delete(address);
    if (this.#lives.size >= limits.xenstoredConnections) {
      throw new Trouble('XSL-002', 'too many connections', {
        at: { line },
        expected: `at most ${limits.xenstoredConnections} at a time`,
        hint: 'the log is damaged, or several are in one file',
      });
    }
    this.#connections += 1;
    this.#lives.set(address, `c${this.#connections}`);
    const domid = this.#introducing ?? 0;
    this.#introducing = null;
    return { is: 'connect', line, conn: `c${this.#connections}`, domid };
  }
}

function answer(line: number, conn: string, op: string, body: string): XenstoreRecord {
  if (op === 'WATCH_EVENT') {
    const [path, token] = body.trimEnd().split(' ');
    return { is: 'event', line, conn, path: path ?? '', token: token ?? '' };
  }
  if (op === 'ERROR') return { is: 'reply', line, conn, op, error: body.trim(), data: '' };
  return { is: 'reply', line, conn, op, error: null, data: op === 'READ' ? body : body.replace(/ $/, '') };
}

const tooLong = (line: number): Trouble =>
  new Trouble('XSL-001', 'a message of xenstored is too long', {
    at: { line },
    expected: `at most ${limits.xenstoredMessageCharacters} characters up to its closing bracket`,
    hint: 'the log is damaged there',
  });

const isOp = (op: string): op is XenstoreOp => (xenstoreOps as readonly string[]).includes(op);

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
