import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { Platform } from '../../platform/platform.js';
import type { Format } from '../importer.js';
import { lines } from '../lines.js';
import { parseEventLine, parseHeaderLine } from './read.js';

const BRACE = 0x7b;

/** What `xpr export --to ndjson` writes. It comes back as it went, to the byte. */
export const ndjsonFormat: Format = {
  name: 'ndjson',
  doc: 'one of our own traces as lines of JSON',
  detect: (head) => head[0] === BRACE && SCHEMA.test(decoder.decode(head.subarray(0, 256))),
  open(out) {
    let platform: Platform | null = null;
    let seq = 0;
    const take = (text: string, number: number): void => {
      if (platform === null) {
        const own = parseHeaderLine(text);
        platform = own.header.platform;
        out.fact({ is: 'header', ...own });
        out.counts.records = 1;
        return;
      }
      if (text === '') return;
      out.recorded(parseEventLine(text, number, seq, platform));
      seq += 1;
    };
    return lines(
      {
        line: take,
        end: (rest, number) => {
          if (rest !== '') take(rest, number);
          if (platform !== null) return;
          throw new Trouble('NDJ-002', 'the first line is no header of ours', {
            at: { line: 1 },
            actual: 'nothing',
          });
        },
      },
      limits.ndjsonLineBytes,
    );
  },
};

const decoder = new TextDecoder('latin1');
const SCHEMA = /^\{\s*"schema"\s*:\s*"xpr-ndjson/;
