import { SourceMap, type SourceMapPayload } from 'node:module';
import ts from 'typescript';

/** A small mistake in a compiled file. */
export interface Mutant {
  /** Line of the source that was compiled, from 1. */
  readonly line: number;
  /** The statement or expression before and after, on one line. */
  readonly before: string;
  readonly after: string;
  /** The whole file with the mistake. */
  readonly text: string;
}

interface Edit {
  readonly node: ts.Node;
  readonly by: string;
}

const SWAPPED = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
]);

const OPPOSITES = new Map([
  ['every', 'some'],
  ['some', 'every'],
  ['min', 'max'],
  ['max', 'min'],
]);

/** All mutants of a compiled file, in the order of its text. */
export function listMutants(text: string, map: SourceMapPayload): Mutant[] {
  const file = ts.createSourceFile('compiled.js', text, ts.ScriptTarget.Latest, true);
  const lines = new SourceMap(map);
  return editsIn(file).map(({ node, by }) => {
    const [start, end] = [node.getStart(), node.getEnd()];
    const shown = statementAround(node);
    const at = file.getLineAndCharacterOfPosition(start);
    const origin = lines.findEntry(at.line, at.character);
    return {
      line: ('originalLine' in origin ? origin.originalLine : at.line) + 1,
      before: onOneLine(shown.getText()),
      after: onOneLine(text.slice(shown.getStart(), start) + by + text.slice(end, shown.getEnd())),
      text: text.slice(0, start) + by + text.slice(end),
    };
  });
}

function editsIn(node: ts.Node): Edit[] {
  const edits = [...editsOf(node)];
  node.forEachChild((child) => void edits.push(...editsIn(child)));
  return edits;
}

function* editsOf(node: ts.Node): Generator<Edit> {
  const condition = conditionOf(node);
  if (condition && !isEquality(condition)) yield { node: condition, by: `!(${condition.getText()})` };
  if (ts.isBinaryExpression(node)) {
    const by = SWAPPED.get(node.operatorToken.kind);
    if (by !== undefined) yield { node: node.operatorToken, by };
    if (isLogical(node)) for (const side of [node.left, node.right]) yield { node, by: side.getText() };
  }
  if (ts.isExpressionStatement(node) && isCall(node.expression)) yield { node, by: ';' };
  if (node.kind === ts.SyntaxKind.TrueKeyword && isReturned(node)) yield { node, by: 'false' };
  if (node.kind === ts.SyntaxKind.FalseKeyword && isReturned(node)) yield { node, by: 'true' };
  if (ts.isObjectLiteralExpression(node))
    for (const each of node.properties) yield { node: each, by: '...{}' };
  if (ts.isArrayLiteralExpression(node)) for (const each of node.elements) yield { node: each, by: '...[]' };
  if (ts.isIdentifier(node) && OPPOSITES.has(node.text)) yield { node, by: OPPOSITES.get(node.text)! };
  if (ts.isNumericLiteral(node)) for (const by of neighbours(Number(node.text))) yield { node, by };
}

function conditionOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return node.expression;
  return ts.isConditionalExpression(node) ? node.condition : undefined;
}

/** Swapping its operator is as good as negating it. */
function isEquality(node: ts.Expression): boolean {
  return ts.isBinaryExpression(node) && ['===', '!=='].includes(node.operatorToken.getText());
}

function isCall(node: ts.Expression): boolean {
  return ts.isAwaitExpression(node) ? isCall(node.expression) : ts.isCallExpression(node);
}

function isReturned(node: ts.Node): boolean {
  const { parent } = node;
  return ts.isReturnStatement(parent) || (ts.isArrowFunction(parent) && parent.body === node);
}

function isLogical({ operatorToken }: ts.BinaryExpression): boolean {
  return ['&&', '||'].includes(operatorToken.getText());
}

const neighbours = (value: number): string[] => [`(${value} + 1)`, `(${value} - 1)`];

/** What to show of a mutant: its statement, or of one that holds others the part before them. */
function statementAround(node: ts.Node): ts.Node {
  const { parent } = node;
  const holdsOthers = ts.isStatement(parent) && !isSimple(parent);
  return ts.isStatement(node) || holdsOthers || ts.isSourceFile(parent) ? node : statementAround(parent);
}

const isSimple = (node: ts.Statement): boolean =>
  ts.isReturnStatement(node) || ts.isExpressionStatement(node) || ts.isVariableStatement(node);

const onOneLine = (text: string): string => text.replace(/\s+/g, ' ');
