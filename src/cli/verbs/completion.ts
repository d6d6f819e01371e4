import { completionScripts } from '../completion/scripts.js';
import { completions } from '../completion/words.js';
import { print } from '../io.js';
import { unknownName } from '../unknown.js';
import type { RunVerb, Verb } from '../verb.js';

/** Writes the script of a shell; `words`, which the scripts call, writes what the last word may become. */
export const completionOf = (verbs: readonly Verb[]): { readonly run: RunVerb } => ({
  run: ([shell, words]) => {
    if (shell === 'words') {
      const found = completions(verbs, Array.isArray(words) ? words : []);
      if (found.length > 0) print(found);
      return 0;
    }
    const script =
      typeof shell === 'string' && Object.hasOwn(completionScripts, shell) ? completionScripts[shell]! : null;
    if (script === null) {
      throw unknownName(
        'CLI-017',
        'shell',
        String(shell),
        Object.keys(completionScripts),
        'completion --help',
      );
    }
    print(script.trimEnd().split('\n'));
    return 0;
  },
});
