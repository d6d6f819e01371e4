import { Trouble } from '../base/errors.js';
import type { TraceEvent } from '../events/catalogue.js';
import { parseEvent } from '../events/present.js';
import { checkHeader, type TraceHeader } from '../log/header.js';
import type { Platform } from '../platform/platform.js';

/**
 * Reads the header line of our own export.
 * @throws {Trouble} NDJ-001 not JSON, NDJ-002 not our header, LOG-016 a header with something wrong in it
 */
export function parseHeaderLine(text: string): TraceHeader<Platform> {
  const document = parseLine(text, 1, (name, value) => {
    const packed = (value as { $base64?: unknown } | null)?.$base64;
    return typeof packed === 'string' && name !== '' ? new Uint8Array(Buffer.from(packed, 'base64')) : value;
  }) as { schema?: unknown; header?: unknown } | null;
  if (document?.schema !== 'xpr-ndjson/1') {
    throw new Trouble('NDJ-002', 'the first line is no header of ours', {
      at: { line: 1 },
      expected: '"schema":"xpr-ndjson/1"',
      actual: JSON.stringify(document?.schema ?? null),
      hint: 'xpr export T.xpr --to ndjson -o F writes one',
    });
  }
  return checkHeader(document.header) as TraceHeader<Platform>;
}

/**
 * One event per line after the header.
 * @throws {Trouble} NDJ-001, NDJ-003 a sequence number out of order, EVT-001 to EVT-004 with the line
 */
export function* parseEventLines(lines: Iterable<string>, platform: Platform): Generator<TraceEvent> {
  let line = 1;
  let seq = 0;
  for (const text of lines) {
    line += 1;
    if (text === '') continue;
    const document = parseLine(text, line);
    let event: TraceEvent;
    try {
      event = parseEvent(document, platform);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      const where = error.position();
      throw new Trouble(error.code, where === null ? error.message : `${error.message} at ${where}`, {
        ...error.detail,
        at: { line },
      });
    }
    if (event.seq !== seq) {
      throw new Trouble('NDJ-003', 'events are out of order', {
        at: { line },
        expected: `seq ${seq}`,
        actual: `seq ${event.seq}`,
      });
    }
    seq += 1;
    yield event;
  }
}

function parseLine(text: string, line: number, revive?: (name: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(text, revive);
  } catch (error) {
    throw new Trouble('NDJ-001', 'a line is not JSON', {
      at: { line },
      expected: 'one JSON document a line',
      actual: error instanceof Error ? error.message : String(error),
    });
  }
}
