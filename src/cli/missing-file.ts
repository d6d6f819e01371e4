import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Trouble } from '../base/errors.js';
import { didYouMean } from '../base/near.js';

/** Names of a folder that are looked at. */
const LOOKED_AT = 10_000;

/** Tells of a file that is not there which name may be meant, or that its folder is missing. */
export function withNearFile(trouble: Trouble): Trouble {
  const { code, message, detail } = trouble;
  const { file } = trouble.toDocument();
  if (file === null || detail.hint !== undefined || !message.includes('ENOENT')) return trouble;
  const hint = helpFor(file);
  return hint === null ? trouble : new Trouble(code, message, { ...detail, file, hint });
}

function helpFor(file: string): string | null {
  const folder = dirname(file);
  if (!existsSync(folder)) return `there is no folder ${folder}`;
  try {
    const names = readdirSync(folder).slice(0, LOOKED_AT);
    return didYouMean(
      file,
      names
        .filter((name) => name !== basename(file))
        .map((name) => (folder === '.' ? name : join(folder, name))),
    );
  } catch {
    return null;
  }
}
