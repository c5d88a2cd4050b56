import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** What looks like a sentence for the user and is none: said of a peer to the log, asked of a model or of the database, written into files. */
const NOT_SHOWN = [
  /^A peer (?:sent|offered|named) /,
  /^The quick brown fox/,
  /^SELECT /,
  /^(?:Revocation certificate of|Keep this where you find it)/,
  /^and nothing else\. To use it/,
  /^(?:The parts have no common license|The exact weighted sum|The weighted sum|Merged by )/,
];

/** Parts of sentences that windows show. */
const PARTS = [
  'It does not say its base',
  'Its base is {0}',
  'Get it in Ollama first',
  'Pull {0} in Ollama first',
  '{0} It can only be merged into a copy of that model: {1}',
  '{0} GB free at {1}',
  '{0} connected',
  '{0} connected, {1} of them on the local network',
  '{0} adapters are shared',
  'Not what was shared any more, so not served: {0}',
  'Pull the base model of the adapter: ollama pull NAME',
  'has changed since it was shared',
  'was changed or removed since LoRA Swarm made it',
  'was not made by LoRA Swarm',
  'was changed since LoRA Swarm made it',
  'reading the adapter',
  'reading the base',
  'comparing with the base',
  'carries no adapter',
  'carries one adapter',
  'carries {0} adapters',
  'Several members match',
  'No member matches',
  'let this device in again',
  'make this device an admin again',
  'do this to an admin of at least your rank',
];

/** Sentences that the engine says, with holes as in texts of the window; `missing` are parts that nothing says any more. */
export function engineSentences(root: string): { sentences: ReadonlySet<string>; missing: readonly string[] } {
  const said = new Set<string>();
  for (const folder of ['src/engine', 'src/service'])
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.ts')) collect(join(root, folder, name), said);
  return {
    sentences: new Set([...[...said].filter(isSentence), ...PARTS]),
    missing: PARTS.filter((part) => !said.has(part)),
  };
}

function isSentence(text: string): boolean {
  const isWhole = /^["A-Z{].* .*[.?](?: \{\d+\})*$/s.test(text) && /[a-z]{2} [a-z]|\} [a-z]/.test(text);
  return isWhole && !NOT_SHOWN.some((none) => none.test(text));
}

function collect(file: string, into: Set<string>): void {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  visit(source);
  function visit(node: ts.Node): void {
    const parts = partsOf(node);
    if (parts)
      into.add(
        parts
          .map((part, at) => (at === 0 ? part : `{${at - 1}}${part}`))
          .join('')
          .trim(),
      );
    else ts.forEachChild(node, visit);
    if (ts.isTemplateExpression(node)) for (const { expression } of node.templateSpans) visit(expression);
  }
}

/** What a text consists of between its holes; texts that are put together with `+` are one. */
function partsOf(node: ts.Node): string[] | undefined {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node)) return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [partsOf(node.left), partsOf(node.right)];
  return left && right && [...left.slice(0, -1), `${left.at(-1)!}${right[0]!}`, ...right.slice(1)];
}
