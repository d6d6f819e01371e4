import { listing, type Namer } from '../../../replay/inventory/lspci.js';
import { worldAfter } from '../../../replay/seek/timeline.js';
import { counted } from '../../base/counted.js';
import { CONVENTIONAL_CONFIG_BYTES, EXTENDED_CONFIG_BYTES } from '../../pci/header.js';
import { eventAt } from '../at-position.js';
import { required } from '../choices.js';
import { print, printJson, say } from '../io.js';
import { withTrace } from '../trace-file.js';
import { unknownName } from '../unknown.js';
import type { RunVerb } from '../verb.js';

/** Bytes of a dump by the number of `x`, as lspci has it. */
const DUMPS = [0, 64, 64, CONVENTIONAL_CONFIG_BYTES, EXTENDED_CONFIG_BYTES];
const namers: readonly string[] = ['dom0', 'xen'] satisfies Namer[];

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const namer = String(options['names'] ?? 'dom0');
    if (!isNamer(namer)) throw unknownName('CLI-016', 'numbering', namer, namers, 'lspci --help');
    const seq = eventAt(trace, options['at']);
    const times = typeof options['x'] === 'number' ? options['x'] : 0;
    const state = worldAfter(trace.reader, trace.env, seq);
    const { lines, unnamed } = listing(state, trace.env, namer, DUMPS[Math.min(times, DUMPS.length - 1)]!);
    if (options['json'] === true) printJson({ schema: 'lspci/1', at: seq, names: namer, lines, unnamed });
    else if (lines.length > 0) print(lines);
    if (unnamed > 0) {
      const who = namer === 'dom0' ? 'Dom0' : 'Xen';
      say(
        `${counted(unnamed, 'function is', 'functions are')} not listed: ${who} has no number for the bridge there`,
      );
    }
    return 0;
  });

const isNamer = (text: string): text is Namer => namers.includes(text);
