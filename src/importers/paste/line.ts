/** One line of a report, with the place a reader finds it at. */
export interface PastedLine {
  /** As the report's file holds it, counted from 1; of a joined line the first. */
  readonly line: number;
  /** The last line of the file that went into it: more than `line` where a mailer had wrapped it. */
  readonly lastLine: number;
  readonly text: string;
}

/** Texts of one file of a report, apart where the file holds several (parts of a mail). */
export interface PastedText {
  /** Name of the attachment, null for the file itself. */
  readonly name: string | null;
  readonly lines: readonly PastedLine[];
}
