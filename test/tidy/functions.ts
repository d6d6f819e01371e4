import ts from 'typescript';

/** How long a function is and how much it asks for. */
export interface Measure {
  readonly name: string;
  /** 1-based. */
  readonly line: number;
  /** From the line of its first word to the line of its last brace. */
  readonly lines: number;
  readonly parameters: number;
}

/** Functions of one source text that have a body, inner ones too, in order. */
export function functionsOf(file: string, text: string): Measure[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const found: Measure[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const line = lineOf(node.getStart(source));
      found.push({
        name: node.name?.getText(source) ?? 'a function without a name',
        line,
        lines: lineOf(node.getEnd()) - line + 1,
        parameters: node.parameters.length,
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
