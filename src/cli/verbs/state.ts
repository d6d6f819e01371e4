import diffObjects from 'microdiff';
import { parsePosition } from '../../../replay/position.js';
import { worldAfter } from '../../../replay/timeline.js';
import { Trouble } from '../../base/errors.js';
import { required } from '../choices.js';
import { print, printJson } from '../io.js';
import { withTrace } from '../trace-file.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), ({ reader, env }) => {
    const at = (text: unknown): number => parsePosition(String(text ?? 'last'), reader, env).to - 1;
    const seq = at(options['at']);
    const path = typeof options['path'] === 'string' ? options['path'] : '';
    const state = part(worldAfter(reader, env, seq), path);
    if (options['diff'] === undefined) {
      if (options['json'] === true) printJson({ schema: 'state/1', at: seq, path: path || null, state });
      else print(JSON.stringify(state, null, 2) ?? 'null');
      return 0;
    }
    const other = at(options['diff']);
    const changes = diffObjects(
      { state: part(worldAfter(reader, env, other), path) } as Record<string, unknown>,
      { state } as Record<string, unknown>,
    ).map((change) => ({
      path: [path, ...change.path.slice(1)].filter((step) => step !== '').join('.'),
      before: 'oldValue' in change ? change.oldValue : null,
      after: 'value' in change ? change.value : null,
    }));
    if (options['json'] === true) printJson({ schema: 'state-diff/1', from: other, to: seq, changes });
    else {
      for (const { path: where, before, after } of changes) {
        print(`${where}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
      }
    }
    return changes.length === 0 ? 0 : 1;
  });

/** The part of a state at a dotted path. @throws {Trouble} CLI-009 names the step that is not there */
function part(state: unknown, path: string): unknown {
  let value = state;
  for (const step of path.split('.').filter((one) => one !== '')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      throw new Trouble('CLI-009', `no ${path} in the state there`, {
        at: { path: step },
        expected:
          typeof value === 'object' && value !== null ? Object.keys(value).join(', ') : 'nothing below',
      });
    }
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}
