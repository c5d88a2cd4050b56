import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { PANEL_TEXTS } from '../../../src/shared/panelTexts';
import { t } from '../../../src/ui/l10n';
import { engineSentences } from './engineSentences';

const root = join(import.meta.dirname, '../../..');
const readJson = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(join(root, name), 'utf8')) as Record<string, string>;
const holes = (text: string): string[] => (text.match(/\{\d+\}/g) ?? []).sort();

describe('texts of the window', () => {
  const { keys, notLiteral } = textsInSource();
  const { sentences, missing } = engineSentences(root);
  const used = new Set([...keys, ...Object.values(PANEL_TEXTS), ...sentences]);

  it('are written where the extraction finds them', () => {
    // panelText.ts walks over PANEL_TEXTS, engineText.ts over sentences of the engine; both are counted above.
    const walkers = [join('src', 'ui', 'panel', 'panelText.ts'), join('src', 'ui', 'engineText.ts')];
    assert.deepEqual(
      notLiteral.filter((place) => !walkers.some((walker) => place.startsWith(walker))),
      [],
    );
    assert.ok(keys.size > 100);
    assert.ok(sentences.size > 300);
    assert.deepEqual(missing, [], 'parts of sentences that nothing says any more');
  });

  for (const name of ['l10n/bundle.l10n.json', 'l10n/bundle.l10n.pt-br.json'])
    it(`are all in ${name}, and nothing else is`, () => {
      const bundle = readJson(name);

      assert.deepEqual(Object.keys(bundle).sort(), [...used].sort());
      for (const [english, text] of Object.entries(bundle)) {
        assert.notEqual(text.trim(), '', english);
        assert.deepEqual(holes(text), holes(english), english);
      }
    });

  it('fill their holes by number', () => {
    assert.equal(t('{1} of {0}, {2}', 10, 3), '3 of 10, {2}');
  });
});

describe('texts of package.json', () => {
  const used = new Set(
    [...readFileSync(join(root, 'package.json'), 'utf8').matchAll(/"%([^"%]+)%"/g)].map((match) => match[1]!),
  );

  for (const name of ['package.nls.json', 'package.nls.pt-br.json'])
    it(`are all in ${name}, and nothing else is`, () => {
      const bundle = readJson(name);

      assert.deepEqual(Object.keys(bundle).sort(), [...used].sort());
      for (const [key, text] of Object.entries(bundle)) assert.notEqual(text.trim(), '', key);
    });

  it('link to the same commands in both languages', () => {
    const [english, portuguese] = [readJson('package.nls.json'), readJson('package.nls.pt-br.json')];
    const links = (text: string): string[] => (text.match(/\(command:[^)]+\)/g) ?? []).sort();

    for (const [key, text] of Object.entries(english)) assert.deepEqual(links(portuguese[key]!), links(text), key);
  });
});

/** First arguments of `t(…)` in everything that may show text. */
function textsInSource(): { keys: Set<string>; notLiteral: string[] } {
  const keys = new Set<string>();
  const notLiteral: string[] = [];
  const files = readdirSync(join(root, 'src/ui'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'l10n.ts')
    .map((name) => join('src', 'ui', name));
  for (const file of [...files, 'src/extension.ts', 'src/api.ts']) {
    const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
    visit(source);
    function visit(node: ts.Node): void {
      if (ts.isCallExpression(node) && /^(?:t|vscode\.l10n\.t)$/.test(node.expression.getText(source))) {
        const text = node.arguments[0];
        if (text && ts.isStringLiteralLike(text)) keys.add(text.text);
        else if (file !== 'src/extension.ts') notLiteral.push(`${file}: ${text?.getText(source) ?? ''}`);
      }
      ts.forEachChild(node, visit);
    }
  }
  return { keys, notLiteral };
}
