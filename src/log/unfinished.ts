/**
 * Files that are being written. Whatever ends a command in the middle takes them away, also where no `finally` runs:
 * Ctrl-C stops the code at once.
 */
const unfinished = new Set<() => void>();

/** @param abandon Takes the file away; called at most once. @returns Says that the file is whole or gone. */
export function beginFile(abandon: () => void): () => void {
  unfinished.add(abandon);
  return () => {
    unfinished.delete(abandon);
  };
}

/** Takes away every file that is not finished. */
export function abandonUnfinished(): void {
  for (const abandon of [...unfinished]) {
    unfinished.delete(abandon);
    abandon();
  }
}
