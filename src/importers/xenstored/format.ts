import type { DomainId } from '../../base/brand.js';
import { limits } from '../../base/limits.js';
import type { Format, Out, Told } from '../importer.js';
import { lines } from '../lines.js';
import { XenstoredReader } from './read.js';
import type { XenstoreRecord } from './record.js';

const LOOKS_LIKE =
  /^(?:(?:io: )?(?:IN|OUT(?:\(START\))?) 0x[0-9a-f]+ (?:\(d\d+\) )?\d{8} \d\d:\d\d:\d\d [A-Z_]+ \(|(?:obj: )?(?:CREATE|DESTROY) (?:connection|watch|transaction) 0x)/m;

/** The access log of C xenstored. */
export const xenstoredFormat: Format = {
  name: 'xenstored',
  doc: 'the access log of C xenstored (--trace-file)',
  detect: (head) => LOOKS_LIKE.test(new TextDecoder('latin1').decode(head.subarray(0, 8_192))),
  open(out) {
    out.fact({ is: 'name', name: 'xenstored' });
    const log = new StoreLog(out);
    const reader = new XenstoredReader({
      record(record) {
        out.counts.records += 1;
        log.take(record);
      },
      skipped() {
        out.counts.records += 1;
        out.counts.skipped += 1;
      },
    });
    return lines(reader, limits.xenstoredLineBytes);
  },
};

type Asked = { readonly told: Told; readonly record: Extract<XenstoreRecord, { is: 'request' }> };

/** Requests, answers and watch events as they were seen; what changed is deduced from a request and its answer. */
class StoreLog {
  readonly #out: Out;
  /** Requests of a connection that have no answer yet, oldest first. */
  readonly #open = new Map<string, Asked[]>();
  #openCount = 0;
  #zeroMs: number | null = null;
  #atNs: number | null = null;

  constructor(out: Out) {
    this.#out = out;
  }

  take(record: XenstoreRecord): void {
    const out = this.#out;
    const at = this.#atNs === null ? {} : { atNs: this.#atNs };
    const head = { by: 'xenstored', origin: 'observed', ...at } as const;
    switch (record.is) {
      case 'connect':
        out.event({
          ...head,
          kind: 'xenstore.connected',
          data: { conn: record.conn, domid: record.domid as DomainId },
        });
        return;
      case 'disconnect':
        this.#close(record.conn);
        out.event({ ...head, kind: 'xenstore.disconnected', data: { conn: record.conn } });
        return;
      case 'request':
        this.#request(record);
        return;
      case 'reply':
        this.#reply(record);
        return;
      case 'event': {
        const { conn, path, token } = record;
        out.event({ ...head, kind: 'xenstore.fired', data: { conn, path, token } });
        return;
      }
      case 'dropped':
        // An equal event still waits: nothing happened.
        out.counts.skipped += 1;
        return;
    }
  }

  #request(record: Asked['record']): void {
    const ms = timeOf(record.time);
    if (ms !== null) {
      // The log has local times without a zone.
      if (this.#zeroMs === null) this.#out.clock({ is: 'wall', zeroUs: ms * 1_000 });
      this.#zeroMs ??= ms;
      this.#atNs = (ms - this.#zeroMs) * 1e6;
    }
    const { conn, op, path, value, tx } = record;
    const at = this.#atNs === null ? {} : { atNs: this.#atNs };
    const data = { conn, op, path, value, tx };
    const told = this.#out.event({ kind: 'xenstore.requested', by: conn, origin: 'observed', ...at, data });
    const open = this.#open.get(conn);
    if (open === undefined) this.#open.set(conn, [{ told, record }]);
    else open.push({ told, record });
    this.#openCount += 1;
    if (this.#openCount > limits.xenstoredOpen) this.#forgetOldest();
  }

  /** Answers that do not come must not be waited for without end. */
  #forgetOldest(): void {
    for (const conn of this.#open.keys()) {
      this.#close(conn);
      return;
    }
  }

  #close(conn: string): void {
    this.#openCount -= this.#open.get(conn)?.length ?? 0;
    this.#open.delete(conn);
  }

  #reply({ conn, error, data }: Extract<XenstoreRecord, { is: 'reply' }>): void {
    const open = this.#open.get(conn);
    const asked = open?.shift();
    if (open === undefined || asked === undefined) {
      this.#out.counts.lost += 1;
      return;
    }
    this.#openCount -= 1;
    if (open.length === 0) this.#open.delete(conn);
    const { op, path, value, tx } = asked.record;
    if (error === null) this.#changed(asked);
    this.#out.event({
      kind: 'xenstore.answered',
      by: 'xenstored',
      origin: 'observed',
      cause: asked.told,
      data: { conn, op, path, value, tx, error, reply: data },
    });
  }

  #changed({ told, record: { conn, op, path, value, tx } }: Asked): void {
    const head = { by: 'xenstored', origin: 'inferred', cause: told } as const;
    const change = (content: string | null): void => {
      const data = { conn, tx, path, value: content, perms: 'n0' };
      if (path.startsWith('/')) this.#out.event({ ...head, kind: 'xenstore.changed', data });
    };
    if (op === 'WRITE') change(value ?? '');
    else if (op === 'MKDIR') change('');
    else if (op === 'RM') change(null);
    else if (op === 'TRANSACTION_END') {
      const kind = value === 'T' ? 'xenstore.committed' : 'xenstore.dropped';
      this.#out.event({ ...head, kind, data: { conn, tx } });
    }
  }
}

/** `20260102 03:04:05`; null for no time there is. */
function timeOf(text: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d) (\d\d:\d\d:\d\d)$/.exec(text);
  const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}Z`);
  return Number.isNaN(ms) ? null : ms;
}
