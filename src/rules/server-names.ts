import type { TraceEvent } from '../events/catalogue.js';

/** IOREQ servers of a guest. @source facts/xen 4.3 */
const SERVERS = 8;

/** Which program made each IOREQ server, the latest of each id: `dm:qemu`. Remembers living guests only. */
export class ServerNames {
  readonly #makers = new Map<string, string>();
  /** The call being carried out, with its caller. */
  #call: { readonly seq: number; readonly by: string } | null = null;

  see(event: TraceEvent): void {
    switch (event.kind) {
      case 'hypercall.issued':
        this.#call = { seq: event.seq, by: event.by };
        return;
      case 'server.created':
        if (this.#call?.seq === event.cause) {
          this.#makers.set(`${event.data.domid}:${event.data.server}`, this.#call.by);
        }
        return;
      case 'domain.destroyed':
        for (let server = 0; server < SERVERS; server++) this.#makers.delete(`${event.data.domid}:${server}`);
        return;
      default:
        return;
    }
  }

  /** `server 1 (dm:qemu)`, the number alone where nobody saw it made; `nobody` for negative ids. */
  text(domid: number, server: number): string {
    if (server < 0) return 'nobody';
    const maker = this.#makers.get(`${domid}:${server}`);
    return maker === undefined ? `server ${server}` : `server ${server} (${maker})`;
  }

  /** Known servers in order of creation: guest, id, maker. */
  *all(): Generator<{ readonly domid: number; readonly server: number; readonly maker: string }> {
    for (const [key, maker] of this.#makers) {
      const [domid = 0, server = 0] = key.split(':').map(Number);
      yield { domid, server, maker };
    }
  }
}
