import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng } from '../../src/base/prng.js';
import { seedOf, type Token, tokenText } from './token.js';
import { failed, type Tools, type Verdict } from './verdict.js';

/** One try of a prepared class, in a folder of its own; a failure keeps the folder and names it. */
export async function tryOnce(
  attempt: (tools: Tools) => Promise<Verdict> | Verdict,
  token: Token,
): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), `xpr-torture-${tokenText(token).replaceAll(':', '-')}-`));
  let verdict: Verdict;
  try {
    verdict = await attempt({ prng: new Prng(seedOf(token)), folder });
  } catch (error) {
    verdict = failed(error instanceof Error ? `thrown: ${error.stack ?? error.message}` : String(error));
  }
  if (verdict.survived) rmSync(folder, { recursive: true, force: true });
  return verdict.survived ? verdict : failed(`${verdict.why} (files in ${folder})`);
}
