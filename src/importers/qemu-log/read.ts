import type { TraceEvent } from '../../events/catalogue.js';
import { QemuLogEvents } from './events.js';
import { LOOKS_LIKE_QEMU_LOG } from './line.js';
import { QemuLogParser } from './parser.js';
import { type QemuLogSurvey, QemuLogSurveyor } from './survey.js';

/** What a log brings to a trace. */
export interface QemuLogContents extends QemuLogSurvey {
  readonly records: number;
  readonly skipped: number;
  readonly lost: number;
}

/** Whether one of the first lines is a trace event of QEMU's. */
export function isQemuLog(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head);
  return text.split('\n', 200).some((line) => LOOKS_LIKE_QEMU_LOG.test(line));
}

/** First reading: the machine, and whether the log can be read at all. @throws {Trouble} QLOG-001 to QLOG-003 */
export async function surveyQemuLog(chunks: AsyncIterable<Uint8Array>): Promise<QemuLogContents> {
  const surveyor = new QemuLogSurveyor();
  const parser = new QemuLogParser((record) => surveyor.take(record));
  for await (const chunk of chunks) parser.push(chunk);
  parser.finish();
  const { records, skipped, lost } = parser;
  return { ...surveyor.finish(), records, skipped, lost };
}

/** Second reading: the events, in batches of one piece of the log each. */
export async function* qemuLogEvents(
  survey: QemuLogSurvey,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly TraceEvent[]> {
  let batch: TraceEvent[] = [];
  const events = new QemuLogEvents(survey, (event) => batch.push(event));
  const parser = new QemuLogParser((record) => events.take(record));
  for await (const chunk of chunks) {
    parser.push(chunk);
    yield batch;
    batch = [];
  }
  parser.finish();
  events.finish();
  yield batch;
}
