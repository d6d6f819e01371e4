import type { Actor } from '../../events/catalogue.js';
import type { XenstoreOp } from '../../events/kinds/xenbus.js';
import type { Context } from '../context.js';
import { performRequest, type XenstoreReply } from './store.js';

/** A modelled party's connection to XenStore: every call is a request, and its events. */
export class XenstoreClient {
  readonly #context: Context;
  readonly #by: Actor;
  readonly #conn: string;
  #tx = 0;

  constructor(context: Context, by: Actor, conn: string) {
    this.#context = context;
    this.#by = by;
    this.#conn = conn;
  }

  /** Null when the node is not there or may not be read. */
  read(path: string): string | null {
    const reply = this.#request('READ', path, null);
    return reply.error === null ? reply.data : null;
  }

  list(path: string): readonly string[] {
    const reply = this.#request('DIRECTORY', path, null);
    return reply.error === null && reply.data !== '' ? reply.data.split(' ') : [];
  }

  write(path: string, value: string): boolean {
    return this.#request('WRITE', path, value).error === null;
  }

  make(path: string, perms: string): void {
    this.#request('MKDIR', path, null);
    this.#request('SET_PERMS', path, perms);
  }

  remove(path: string): void {
    this.#request('RM', path, null);
  }

  /** The same; false when the store says that nothing was there to remove. */
  removeKnown(path: string): boolean {
    return this.#request('RM', path, null).error === null;
  }

  watch(path: string, token: string): void {
    this.#request('WATCH', path, token);
  }

  unwatch(path: string, token: string): void {
    this.#request('UNWATCH', path, token);
  }

  /** Everything `body` does becomes visible at once; again from the start when somebody else changed what it saw. */
  transaction(body: () => void): void {
    this.transactionIf(() => {
      body();
      return true;
    });
  }

  /** The same, abandoned when `body` says no. */
  transactionIf(body: () => boolean): void {
    for (let attempt = 0; attempt < 8; attempt++) {
      this.#tx = Number(this.#request('TRANSACTION_START', '', null).data);
      const ended = this.#request('TRANSACTION_END', '', body() ? 'T' : 'F');
      this.#tx = 0;
      if (ended.error !== 'EAGAIN') return;
    }
  }

  #request(op: XenstoreOp, path: string, value: string | null): XenstoreReply {
    return performRequest(this.#context, this.#by, { conn: this.#conn, op, path, value, tx: this.#tx });
  }
}
