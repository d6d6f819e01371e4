/** Names nearest to one that is not known, best first: few letters changed, missing, added or swapped, or one inside the other. */
export function near(name: string, known: readonly string[], most = 3): readonly string[] {
  const asked = name.slice(0, LONGEST).toLowerCase();
  const allowed = Math.max(1, Math.floor(asked.length / 3));
  return known
    .map((one) => ({ one, far: farness(asked, one.toLowerCase()) }))
    .filter(({ far }) => far <= allowed)
    .sort((a, b) => a.far - b.far || (a.one < b.one ? -1 : 1))
    .slice(0, most)
    .map(({ one }) => one);
}

/** `did you mean a, b or c?`; null when nothing is near. */
export function didYouMean(name: string, known: readonly string[]): string | null {
  const found = near(name, known);
  if (found.length === 0) return null;
  const [last, ...others] = [...found].reverse();
  return `did you mean ${others.length === 0 ? last : `${others.reverse().join(', ')} or ${last}`}?`;
}

/** Letters compared: nobody mistypes longer names. */
const LONGEST = 80;

/** Edits between two names; a name that holds the other is one edit away. */
function farness(a: string, b: string): number {
  if (a.length >= 3 && b.length >= 3 && (b.includes(a) || a.includes(b))) return 1;
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
