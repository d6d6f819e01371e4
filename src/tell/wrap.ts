/** Words of a text in lines of at most `width`; a word that is longer stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A label in front of a wrapped text, the further lines under its first. */
export function labelled(label: string, text: string, indent: number, width: number): string[] {
  const before = ' '.repeat(indent);
  return wrap(text, width - indent - label.length).map(
    (line, i) => `${before}${i === 0 ? label : ' '.repeat(label.length)}${line}`,
  );
}
