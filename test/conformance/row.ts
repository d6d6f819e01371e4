/** The first answer of ours that differs from the recording. */
export interface FirstMismatch {
  /** Place inside the file: a path, a line, an offset, a sequence number. */
  readonly at: string;
  readonly input: string;
  readonly expected: string;
  readonly actual: string;
}

/** One file of one set, judged. `total` = matched + mismatched + unmodelled. */
export interface Row {
  readonly set: string;
  readonly file: string;
  readonly total: number;
  readonly matched: number;
  readonly mismatched: number;
  /** Checks whose register or device the model says beforehand that it does not model. */
  readonly unmodelled: number;
  /** Why, and how many checks of each reason; empty when all is modelled. */
  readonly unmodelledReasons: Readonly<Record<string, number>>;
  readonly firstMismatch: FirstMismatch | null;
}

/** Recordings of one kind and how to hold the models against them. */
export interface ConformanceSet {
  readonly name: string;
  /** Folder below DIR that holds the recordings. */
  readonly folder: string;
  /**
   * Judges every recording in `folderPath`, one row per file, lazily.
   * @throws {Trouble} a recording or its description cannot be read (a wrong answer is a mismatch, not a throw).
   */
  rows(folderPath: string): Iterable<Row> | AsyncIterable<Row>;
}

/** Counts the checks of one file into a row. */
export class RowBuilder {
  readonly #set: string;
  readonly #file: string;
  #matched = 0;
  #mismatched = 0;
  #unmodelled = 0;
  readonly #reasons: Record<string, number> = {};
  #first: FirstMismatch | null = null;

  constructor(set: string, file: string) {
    this.#set = set;
    this.#file = file;
  }

  /** One check whose two answers were compared by the caller; the texts of a mismatch are made only for the first. */
  check(equal: boolean, describe: () => FirstMismatch): void {
    if (equal) {
      this.#matched += 1;
      return;
    }
    this.#mismatched += 1;
    this.#first ??= describe();
  }

  /** One check of two plain values (null, numbers, texts, arrays and objects of them), compared as JSON. */
  compare(at: string, input: string, expected: unknown, actual: unknown): void {
    const wanted = JSON.stringify(expected) ?? 'undefined';
    const got = JSON.stringify(actual) ?? 'undefined';
    this.check(wanted === got, () => ({ at, input, expected: wanted, actual: got }));
  }

  /** `count` checks the model declines, and why. */
  unmodelled(reason: string, count = 1): void {
    this.#unmodelled += count;
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + count;
  }

  row(): Row {
    return {
      set: this.#set,
      file: this.#file,
      total: this.#matched + this.#mismatched + this.#unmodelled,
      matched: this.#matched,
      mismatched: this.#mismatched,
      unmodelled: this.#unmodelled,
      unmodelledReasons: this.#reasons,
      firstMismatch: this.#first,
    };
  }
}
