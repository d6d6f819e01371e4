import { asBytes, visible } from './visible.js';

/** A word as a shell reads it back: bare, in quotes, or with its unseen characters as bytes (bash, ksh, zsh). */
export function shellWord(text: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./#-]*$/.test(text)) return text;
  if (visible(text) === text) return `'${text.replaceAll("'", "'\\''")}'`;
  return `$'${asBytes(text.replace(/[\\']/g, '\\$&'))}'`;
}

/** The name of a file as a word, never taken for an option: `-x.xpr` is `./-x.xpr`. */
export const shellFile = (name: string): string =>
  shellWord(name.startsWith('-') && name !== '-' ? `./${name}` : name);
