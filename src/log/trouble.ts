import { Trouble, type TroubleDetail } from '../base/errors.js';

/** Everything that can be wrong with a trace file. The texts are stable; `docs/errors.md` lists them. */
const logTroubles = {
  'LOG-001': 'not a trace file',
  'LOG-002': 'trace written by a newer version',
  'LOG-003': 'trace has no end: the recording was cut short',
  'LOG-004': 'checksum does not match',
  'LOG-005': 'frame header is malformed',
  'LOG-006': 'frame does not decompress',
  'LOG-007': 'frame content is malformed',
  'LOG-008': 'unknown event kind or field',
  'LOG-009': 'column is malformed',
  'LOG-010': 'index does not match the blocks',
  'LOG-011': 'a limit is exceeded',
  'LOG-012': 'trace cannot be read or written',
  'LOG-013': 'digest does not match',
  'LOG-014': 'bytes after the end of the trace',
  'LOG-015': 'no such event',
  'LOG-016': 'trace header is malformed',
  'LOG-017': 'a snapshot says other things than the events before it',
} as const;

export type LogCode = keyof typeof logTroubles;

/** A coded error about a trace; `what` narrows the code's text. */
export function logTrouble(code: LogCode, what: string, detail: TroubleDetail = {}): Trouble {
  return new Trouble(code, what === '' ? logTroubles[code] : `${logTroubles[code]}: ${what}`, detail);
}

/** The same trouble with the file offset of its frame, for decoders that only saw a frame's content. */
export function atOffset(error: unknown, offsetBytes: number): unknown {
  if (!(error instanceof Trouble) || error.detail.at !== undefined) return error;
  return new Trouble(error.code, error.message, { ...error.detail, at: { offsetBytes } });
}
