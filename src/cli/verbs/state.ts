import diffObjects from 'microdiff';
import { worldAfter } from '../../../replay/seek/timeline.js';
import { Trouble } from '../../base/errors.js';
import type { Platform } from '../../platform/platform.js';
import { brief } from '../../tell/event-line.js';
import { presentState } from '../../tell/present-state.js';
import { readPath, showPath } from '../../tell/state-path.js';
import { eventAt } from '../at-position.js';
import { required } from '../choices.js';
import { jsonLines, print, printJson, say, sayNext } from '../io.js';
import { withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const { file: name, reader, env } = trace;
    const seq = eventAt(trace, options['at']);
    const path = typeof options['path'] === 'string' ? options['path'] : '';
    const steps = readPath(path, env.platform);
    const json = options['json'] === true;
    if (options['diff'] === undefined) {
      const state = presentState(
        part(worldAfter(reader, env, seq), steps, env.platform),
        steps,
        env.platform,
      );
      if (json) printJson({ schema: 'state/1', at: seq, path: path || null, state });
      else print(jsonLines(state));
      return 0;
    }
    const other = eventAt(trace, options['diff']);
    const changes = diffObjects(
      { state: partOrNull(worldAfter(reader, env, other), steps, env.platform) },
      { state: part(worldAfter(reader, env, seq), steps, env.platform) },
    ).map((change) => {
      const whole = [...steps, ...change.path.slice(1).map(String)];
      const shown = (value: unknown) => presentState(value, whole, env.platform);
      return {
        path: showPath(whole, env.platform).join('.'),
        before: 'oldValue' in change ? shown(change.oldValue) : null,
        after: 'value' in change ? shown(change.value) : null,
      };
    });
    if (json) printJson({ schema: 'state-diff/1', from: other, to: seq, path: path || null, changes });
    else {
      for (const { path: where, before, after } of changes) {
        print([`${where}: ${brief(before)} -> ${brief(after)}`]);
      }
      if (changes.length === 0) say(`nothing changed between #${other} and #${seq}`);
    }
    if (changes.length > 0 && other < seq) sayNext('show', { file: name }, `${other + 1}..${seq}`);
    return changes.length === 0 ? 0 : 1;
  });

/** The part of a state at a path. @throws {Trouble} CLI-009 names the step that is not there */
function part(state: unknown, path: readonly string[], platform: Platform): unknown {
  let value = state;
  for (const [i, step] of path.entries()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      throw new Trouble('CLI-009', `no ${showPath(path, platform).join('.')} in the state there`, {
        at: { path: showPath(path.slice(0, i + 1), platform).at(-1)! },
        expected: namesIn(value, path.slice(0, i), platform),
      });
    }
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

/** A part that only one of two states has is null in the other. */
function partOrNull(state: unknown, path: readonly string[], platform: Platform): unknown {
  try {
    return part(state, path, platform);
  } catch (error) {
    if (error instanceof Trouble && error.code === 'CLI-009') return null;
    throw error;
  }
}

/** Names listed in a hint. */
const LISTED = 24;

function namesIn(value: unknown, path: readonly string[], platform: Platform): string {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const names = keys.map((key) => showPath([...path, key], platform).at(-1)!);
  if (names.length === 0) return 'nothing below';
  return names.length > LISTED
    ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more`
    : names.join(', ');
}
