/** What a reader needs to mend bad input: where, what stood there, what should have, what to do. */
export interface TroubleDetail {
  /** File name as the user gave it, `-` for standard input. */
  readonly file?: string;
  /** Byte offset, line number or path inside the file. */
  readonly at?: { readonly offsetBytes: number } | { readonly line: number } | { readonly path: string };
  readonly expected?: string;
  readonly actual?: string;
  readonly hint?: string;
}

/** A trouble as JSON; what is not known is null. */
export interface TroubleDocument {
  readonly code: string;
  readonly message: string;
  readonly file: string | null;
  readonly at: string | null;
  readonly expected: string | null;
  readonly actual: string | null;
  readonly hint: string | null;
}

/**
 * Input or arguments that cannot be worked with. Codes are stable and listed in `docs/errors.md`;
 * the CLI prints one line and a hint, and exits 2.
 */
export class Trouble extends Error {
  override readonly name = 'Trouble';
  readonly code: string;
  readonly detail: TroubleDetail;

  constructor(code: string, message: string, detail: TroubleDetail = {}) {
    super(message);
    this.code = code;
    this.detail = detail;
  }

  /** The same trouble with the file named, for readers that were handed bytes. */
  inFile(file: string): Trouble {
    return this.detail.file === undefined
      ? new Trouble(this.code, this.message, { ...this.detail, file })
      : this;
  }

  /** What scripts get: the `error` of the JSON error document. */
  toDocument(): TroubleDocument {
    const { file, expected, actual, hint } = this.detail;
    return {
      code: this.code,
      message: this.message,
      file: file ?? null,
      at: this.position(),
      expected: expected ?? null,
      actual: actual ?? null,
      hint: hint ?? null,
    };
  }

  /** `0x1c` for an offset, the number for a line, the path for a place inside a structure; null when unknown. */
  position(): string | null {
    const at = this.detail.at;
    if (at === undefined) return null;
    if ('offsetBytes' in at) return `0x${at.offsetBytes.toString(16)}`;
    return 'line' in at ? String(at.line) : at.path;
  }
}
