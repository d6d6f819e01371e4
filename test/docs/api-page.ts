import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');

/** Where the exports of `src/api/index.ts` are declared, in the order of the page. */
const files = ['open-bytes', 'files', 'trace', 'runs'];

/** docs/api.md: the exports of the package with their docstrings. */
export function apiPage(): string {
  const lines = [
    '# API',
    '',
    '<!-- Written by `npm run docs`; edit the source it names. -->',
    '',
    "`import … from 'xen-pci-replay'` in Node; `xen-pci-replay/page` is the part that needs no files, in one file for a page under a",
    'content security policy without `unsafe-eval`. Everything is typed; events are those of [events.md](events.md). Bad input is a',
    '`Trouble` with a code of [errors.md](errors.md). This page is made from `src/api`.',
    '',
    '```ts',
    "import { findings, openFile, replay } from 'xen-pci-replay';",
    '',
    "const trace = openFile('swapped.xpr');",
    "for (const event of trace.read({ where: 'kind == hypercall.issued' })) console.log(trace.present(event));",
    'console.log(findings(trace).count, replay(trace).mismatched);',
    'trace.close();',
    '```',
  ];
  for (const file of files) {
    const source = read(`src/api/${file}.ts`);
    for (const statement of source.statements) lines.push(...entry(statement, source));
  }
  return `${lines.join('\n')}\n`;
}

const read = (file: string): ts.SourceFile =>
  ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2022, true);

function entry(statement: ts.Statement, source: ts.SourceFile): string[] {
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
  if (!isExported) return [];
  const name = nameOf(statement);
  const members = ts.isClassDeclaration(statement)
    ? statement.members.flatMap((member) =>
        isPrivate(member) ? [] : ['', ...code(signature(member, source)), '', ...docOf(member, source)],
      )
    : [];
  const own = ts.isClassDeclaration(statement) ? `class ${name}` : signature(statement, source);
  return ['', `## ${name}`, '', ...code(own), '', ...docOf(statement, source), ...members];
}

const isPrivate = (member: ts.ClassElement): boolean =>
  member.name !== undefined && ts.isPrivateIdentifier(member.name);

/** Without a language: a signature alone is none, and a formatter would make it one. */
const code = (text: string): string[] => ['```', ...text.split('\n'), '```'];

function nameOf(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations[0]!.name.getText();
  return (statement as ts.DeclarationStatement).name?.getText() ?? '';
}

/** What a caller sees: everything before the body. */
function signature(node: ts.Node, source: ts.SourceFile): string {
  const body = bodyOf(node);
  const text = source.text.slice(node.getStart(source), body?.getStart(source) ?? node.getEnd());
  const plain = text.replace(/^export /, '').replace(/\s*(=>)?\s*$/, '');
  return ts.isClassDeclaration(node.parent) ? plain.replace(/^ {2}/gm, '') : plain;
}

function bodyOf(node: ts.Node): ts.Node | undefined {
  if (ts.isVariableStatement(node)) {
    const made = node.declarationList.declarations[0]!.initializer;
    return made !== undefined && ts.isArrowFunction(made) ? made.body : made;
  }
  return ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
}

/** A docstring as Markdown: prose, then what it throws and costs. */
function docOf(node: ts.Node, source: ts.SourceFile): string[] {
  const range = ts.getLeadingCommentRanges(source.text, node.getFullStart())?.at(-1);
  const raw = range === undefined ? '' : source.text.slice(range.pos, range.end);
  if (!raw.startsWith('/**')) throw new Error(`nothing is said about ${signature(node, source)}`);
  const text = raw
    .slice(3, -2)
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
  return text
    .replace(/\s*@param (\w+)/g, '\n- `$1`:')
    .replace(/\s*@throws \{Trouble\}/g, '\n- Throws `Trouble`:')
    .replace(/\s*@cost/g, '\n- Cost:')
    .replace(/\n- /, '\n\n- ')
    .split('\n')
    .map((line) => line.trimEnd());
}
