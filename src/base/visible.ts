/**
 * Characters that a terminal obeys or that change how a line reads: C0 with line ends, DEL, C1, line and paragraph
 * separators, marks of writing direction, and what has no width. A table of ours: the one of the runtime grows.
 * @source ECMA-48 5th edition 5.2, 5.3; UAX #9 2; Unicode 15.1 DerivedCoreProperties, Default_Ignorable_Code_Point
 */
export const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/**
 * A text in one line as it is, with what cannot be seen written out: `\u001b[2J`. The form is that of JSON, so a JSON
 * text stays one and means the same.
 */
export const visible = (text: string): string => text.replace(unseen, escaped);

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');

/** The same characters as bytes of their UTF-8 form, for `$'…'` of a shell. */
export const asBytes = (text: string): string =>
  text.replace(unseen, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
      .join(''),
  );
