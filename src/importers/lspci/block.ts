/** One device as lspci prints it: its first line, the lines below that with broken ones put together, its bytes. */
export interface Block {
  /** `ssss:bb:dd.f` as it stands there, or without the domain. */
  readonly name: string;
  readonly title: string;
  readonly fields: readonly string[];
  /** Rows of `-x`: offset and bytes. */
  readonly rows: readonly { readonly offset: number; readonly bytes: readonly number[] }[];
}

export const HEAD = /^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (\S.*)$/i;
const ROW = /^\s*([0-9a-f]{2,3}):((?: [0-9a-f]{2}){1,16})\s*$/i;
/** Words that begin a line of a device's block; others go on with the line before. */
const FIELD =
  /^(?:Control|Status|Latency|Interrupt|Region \d|Expansion ROM|Capabilities|Kernel|Subsystem|IOMMU|NUMA|Bus|I\/O behind|Memory behind|Prefetchable|Secondary|BridgeCtl|Flags|DeviceName|Physical Slot|Vector table|PBA|Address|Dev\w+\d?|Lnk\w+\d?|Slt\w+\d?|Root\w+|UE\w+|CE\w+|AER\w+|Masking|HeaderLog|ACS\w+|ARI\w+|IOV\w+|Initial VFs|VF offset|Supported Page|VF Migration|ATS\w+|PRI\w+|PASID\w+|DPC\w*|BIST|Memory at|I\/O ports at|Transmission|Retimer|EqualizationComplete|L1Sub\w+|T_\w+|Max snoop|Caps|Arb|Ctrl|VC\d|PTM\w+|DLF\w+|BAR \d|Port Arbitration)\b/;

/** Collects blocks out of lines. */
export class BlockReader {
  #name = '';
  #title = '';
  #fields: string[] = [];
  #rows: { offset: number; bytes: number[] }[] = [];
  #isOpen = false;
  readonly #done: (block: Block) => void;

  constructor(done: (block: Block) => void) {
    this.#done = done;
  }

  /** Whether the line was part of a listing. */
  take(text: string): boolean {
    const head = HEAD.exec(text);
    if (head !== null) {
      this.close();
      this.#isOpen = true;
      this.#name = head[1]!;
      this.#title = head[2]!;
      return true;
    }
    if (!this.#isOpen) return false;
    const row = ROW.exec(text);
    if (row !== null) {
      const bytes = row[2]!
        .trim()
        .split(' ')
        .map((byte) => Number.parseInt(byte, 16));
      this.#rows.push({ offset: Number.parseInt(row[1]!, 16), bytes });
      return true;
    }
    const trimmed = text.trim();
    if (FIELD.test(trimmed)) {
      this.#fields.push(trimmed);
      return true;
    }
    if (this.#rows.length > 0) {
      this.close();
      return false;
    }
    const last = this.#fields.length - 1;
    if (last >= 0) this.#fields[last] = `${this.#fields[last]} ${trimmed}`;
    else this.#title = `${this.#title} ${trimmed}`;
    return true;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const block = { name: this.#name, title: this.#title, fields: this.#fields, rows: this.#rows };
    this.#fields = [];
    this.#rows = [];
    this.#done(block);
  }
}
