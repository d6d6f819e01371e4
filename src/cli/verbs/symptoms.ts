import { spoken } from '../../importers/paste/prefix.js';
import { readPaste } from '../../importers/paste/read.js';
import { messageIndex } from '../../messages/catalogue.js';
import type { Found } from '../../messages/find.js';
import { labelled } from '../../tell/wrap.js';
import { required } from '../choices.js';
import { print, printJson, readInput } from '../io.js';
import type { RunVerb } from '../verb.js';

const WIDTH = 80;

export const run: RunVerb = ([given], options) => {
  const text = required(given, 'the message');
  const index = messageIndex();
  const pasted = text === '-' ? new TextDecoder().decode(readInput()) : text;
  const lines = readPaste(pasted, (line) => index.score(line)).flatMap((part) => part.lines);
  const found = distinct(lines.flatMap((line) => index.alike(spoken(line.text).text)));
  if (options['json'] === true) printJson({ schema: 'symptoms/1', matches: found.map(matchJson) });
  else if (found.length === 0)
    print(['no known message; if it is about PCI passthrough, xpr diagnose reads whole logs']);
  else print(found.flatMap((one, i) => [...(i === 0 ? [] : ['']), ...inFull(one)]));
  return found.length === 0 ? 1 : 0;
};

/** Each message once, the surest first as they come. */
function distinct(all: readonly Found[]): readonly Found[] {
  return all.filter((one, i) => all.findIndex((other) => other.id === one.id) === i);
}

function matchJson({ id, message, wording, how, similarity, fields }: Found): unknown {
  return {
    message: wording.text,
    id,
    by: message.by,
    severity: message.severity,
    how,
    source: message.source,
    meaning: message.meaning,
    cure: message.cure ?? null,
    scenarios: message.scenarios ?? [],
    rules: message.rules ?? [],
    releases: { from: wording.from ?? null, until: wording.until ?? null },
    fields: Object.fromEntries([...fields].map(([name, { raw }]) => [name, raw])),
    similarity: Math.round(similarity * 1000) / 1000,
  };
}

function inFull({ message, wording, how, similarity }: Found): string[] {
  const sure =
    how === 'similar'
      ? ` (${Math.round(similarity * 100)} % alike)`
      : how === 'numbers'
        ? ' (other words between)'
        : '';
  const { severity, by, meaning, cure, rules = [], scenarios = [], source } = message;
  return [
    ...labelled('', `${by}, ${severity}: ${wording.text}${sure}`, 0, WIDTH),
    ...labelled('means  ', meaning, 2, WIDTH),
    ...(cure === undefined ? [] : labelled('do     ', cure, 2, WIDTH)),
    ...(rules.length === 0 ? [] : labelled('rules  ', rules.join(' '), 2, WIDTH)),
    ...(scenarios.length === 0 ? [] : labelled('shown  ', `xpr record ${scenarios.join(', ')}`, 2, WIDTH)),
    ...labelled('source ', source, 2, WIDTH),
  ];
}
