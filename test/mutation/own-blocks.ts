import ts from 'typescript';

/**
 * Puts each statement of a TypeScript file that is one of several of its block into braces of its own, on the same lines:
 * a tool that empties blocks then leaves out single statements.
 */
export function giveOwnBlocks(text: string): string {
  const file = ts.createSourceFile('module.ts', text, ts.ScriptTarget.Latest, true);
  return insertAll(text, statementsIn(file).flatMap(bracesOf));
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

function statementsIn(node: ts.Node): ts.ExpressionStatement[] {
  const inside: ts.ExpressionStatement[] = [];
  node.forEachChild((child) => void inside.push(...statementsIn(child)));
  return ts.isExpressionStatement(node) && isOneOfSeveral(node) ? [node, ...inside] : inside;
}

function isOneOfSeveral({ parent, expression }: ts.ExpressionStatement): boolean {
  if (ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword)
    return false;
  if (ts.isBlock(parent)) return parent.statements.length > 1;
  return ts.isStatement(parent) || ts.isCaseOrDefaultClause(parent);
}

const bracesOf = (statement: ts.Statement): Insertion[] => [
  { at: statement.getStart(), text: '{ ' },
  { at: statement.getEnd(), text: ' }' },
];

function insertAll(text: string, insertions: readonly Insertion[]): string {
  const inOrder = [...insertions].sort((a, b) => a.at - b.at);
  const starts = [0, ...inOrder.map(({ at }) => at)];
  return starts.map((start, i) => (inOrder[i - 1]?.text ?? '') + text.slice(start, starts[i + 1])).join('');
}
