import assert from 'node:assert/strict';
import { JsonError, parseJson, type JsonLimits, type JsonString } from '../../../src/engine/adapter/json';

const LIMITS: JsonLimits = { depth: 4, members: 8, string: 40 };

describe('parseJson', () => {
  it('reads what JSON.parse reads, with keys in file order', () => {
    const text = ' {"b": [1, -2.5e3, true, null], "1": "a\\u00e9\\n", "a": {}} ';

    const value = parseJson(text, LIMITS);

    assert.ok(value instanceof Map);
    assert.deepEqual([...value.keys()], ['b', '1', 'a']);
    assert.deepEqual(value.get('b'), [1, -2500, true, null]);
    assert.equal(value.get('1'), 'aé\n');
  });

  it('tells where each text stands', () => {
    const text = '{"a": ["x", {"b": "\\"y"}]}';
    const found: JsonString[] = [];

    parseJson(text, LIMITS, (string) => found.push(string));

    assert.deepEqual(
      found.map(({ path, value, start, end }) => [path, value, text.slice(start, end)]),
      [
        [['a', 0], 'x', '"x"'],
        [['a', 1, 'b'], '"y', '"\\"y"'],
      ],
    );
  });

  it('keeps __proto__ an ordinary key', () => {
    const value = parseJson('{"__proto__": {"polluted": 1}}', LIMITS);

    assert.ok(value instanceof Map && value.has('__proto__'));
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  const refused: Record<string, string> = {
    'equal keys': '{"a":1,"a":2}',
    'equal keys behind an escape': '{"a":1,"\\u0061":2}',
    'a rest': '{} x',
    'a trailing comma': '[1,]',
    'a comment': '[1/**/]',
    'single quotes': "['a']",
    'a leading zero': '[01]',
    'a bare minus': '[-]',
    NaN: '[NaN]',
    'an infinite number': '[1e999]',
    'a lone surrogate': '["\\ud800"]',
    'a control character': '["a\nb"]',
    'an unknown escape': '["\\x"]',
    'an open string': '["a',
    'an open object': '{"a":1',
    'too deep': '[[[[[]]]]]',
    'too many items': '[1,2,3,4,5,6,7,8,9]',
    'a long text': `["${'a'.repeat(41)}"]`,
    nothing: '',
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseJson(text, LIMITS), JsonError);
    });
  }

  it('takes only whole numbers where only those can stand', () => {
    const limits = { ...LIMITS, integersOnly: true };

    assert.deepEqual(parseJson('[0,12]', limits), [0, 12]);
    for (const text of ['[1.0]', '[1e3]', '[-1]', '[01]', '[9007199254740992]']) {
      assert.throws(() => parseJson(text, limits), JsonError, text);
    }
  });
});
