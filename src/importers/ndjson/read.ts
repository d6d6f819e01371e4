import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { TraceEvent } from '../../events/catalogue.js';
import { checkHeader, checkSources, type Provenance, type TraceHeader } from '../../log/header.js';
import type { Platform } from '../../platform/platform.js';
import { platformOf } from '../../state/trace-env.js';
import { parseEvent } from '../../tell/present.js';

/** What the first line holds. */
export interface OwnHeader {
  readonly header: TraceHeader<Platform>;
  readonly sources: readonly Provenance[];
}

/**
 * Reads the header line of our own export.
 * @throws {Trouble} NDJ-001 not JSON, NDJ-002 not our header, LOG-016 a header with something wrong in it
 */
export function parseHeaderLine(text: string): OwnHeader {
  const document = parseLine(text, 1, (name, value) => {
    const packed = (value as { $base64?: unknown } | null)?.$base64;
    return typeof packed === 'string' && name !== '' ? new Uint8Array(Buffer.from(packed, 'base64')) : value;
  }) as { schema?: unknown; header?: unknown; sources?: unknown } | null;
  if (document?.schema !== 'xpr-ndjson/1') {
    throw new Trouble('NDJ-002', 'the first line is no header of ours', {
      at: { line: 1 },
      expected: '"schema":"xpr-ndjson/1"',
      actual: JSON.stringify(document?.schema ?? null),
      hint: 'xpr export T.xpr --to ndjson -o F writes one',
    });
  }
  const header = checkHeader(document.header);
  return {
    header: { ...header, platform: platformOf(header) },
    sources: document.sources === undefined ? [] : checkSources(document.sources),
  };
}

/**
 * One event: any line after the header.
 * @param seq The number it must have.
 * @throws {Trouble} NDJ-001, NDJ-003 a sequence number out of order, NDJ-004, EVT-001 to EVT-004, all with the line
 */
export function parseEventLine(text: string, line: number, seq: number, platform: Platform): TraceEvent {
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
  if (event.seq === seq) return event;
  throw new Trouble('NDJ-003', 'events are out of order', {
    at: { line },
    expected: `seq ${seq}`,
    actual: `seq ${event.seq}`,
  });
}

function parseLine(text: string, line: number, revive?: (name: string, value: unknown) => unknown): unknown {
  checkNesting(text, line);
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

const QUOTE = 34;
const BACKSLASH = 92;

/** Everything that walks a document calls itself once a level. @throws {Trouble} NDJ-004 */
function checkNesting(text: string, line: number): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        // Brackets inside a text are text.
        for (at += 1; at < text.length && text.charCodeAt(at) !== QUOTE; at++)
          if (text.charCodeAt(at) === BACKSLASH) at += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth <= limits.jsonDepth) break;
        throw new Trouble('NDJ-004', 'a line is nested too deeply', {
          at: { line },
          expected: `at most ${limits.jsonDepth} levels`,
          actual: `more, from character ${at} on`,
        });
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
    }
  }
}
