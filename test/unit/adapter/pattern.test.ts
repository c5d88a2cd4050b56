import assert from 'node:assert/strict';
import { compilePattern } from '../../../src/engine/adapter/pattern';
import { seeded } from '../../helpers/hostile';
import { costSince, started } from '../../helpers/processorTime';

describe('compilePattern', () => {
  it('matches whole texts only', () => {
    const matches = compilePattern('(.*\\.)?(layers\\.\\d+\\..*gate_proj)')!;

    assert.ok(matches('model.layers.1.mlp.gate_proj'));
    assert.ok(!matches('model.layers.x.mlp.gate_proj'));
    assert.ok(!matches('model.layers.1.mlp.gate_proj.more'));
  });

  it('agrees with the regular expressions of JavaScript', () => {
    const parts = 'a b . \\. * + ? ( ) | [ab] [^a] [a-c] \\d ^ $ {2} {1,2} {,2} 1 (?:'.split(' ');
    const texts = ['', 'a', 'b', 'ab', 'aab', '1', 'a.b', 'aa', 'ba1', 'abab'];
    const random = seeded(1);
    let compared = 0;
    for (let round = 0; round < 20_000; round++) {
      const source = Array.from({ length: 1 + random(7) }, () => parts[random(parts.length)]!).join('');
      const matches = compilePattern(source);
      const reference = matches && reading(source);
      if (!reference) continue; // JavaScript does not take a repeated anchor, Python does.

      for (const text of texts) assert.equal(matches(text), reference.test(text), `${source} on "${text}"`);
      compared++;
    }
    assert.ok(compared > 4000);
  });

  it('takes no longer than the name is, whatever the pattern', () => {
    const since = started();

    const found = compilePattern('(a+)+(a|aa)*$')!('a'.repeat(500) + 'b');

    assert.equal(found, false);
    assert.ok(costSince(since) < 500);
  });

  for (const source of [
    '(?=a)',
    '(?!a)',
    '(?<=a)',
    '(a)\\1',
    '\\bq',
    'a**',
    '(a',
    'a)',
    '[a',
    '((a{99}){99}){99}',
    '('.repeat(3000),
  ]) {
    it(`does not pretend to understand ${source.slice(0, 20)}`, () => {
      assert.equal(compilePattern(source), undefined);
    });
  }
});

function reading(source: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${source.replaceAll('{,2}', '{0,2}')})$`, 'u');
  } catch {
    return undefined;
  }
}
