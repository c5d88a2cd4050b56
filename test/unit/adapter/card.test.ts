import assert from 'node:assert/strict';
import { parseCard } from '../../../src/engine/adapter/card';

describe('parseCard', () => {
  it('reads licence and tags as lines', () => {
    const card = parseCard(
      '---\nlicense: apache-2.0 # ok\ntags:\n- lora\n  - "sql"\n- base_model:adapter:a/b\nlanguage:\n- en\n---\n# x\n',
    );

    assert.deepEqual(card, { license: 'apache-2.0', tags: ['lora', 'sql'] });
  });

  it('reads tags in brackets, and Windows line ends', () => {
    const card = parseCard("---\r\ntags: [lora, 'two words', lora]\r\nlicense: 'mit'\r\n---\r\n");

    assert.deepEqual(card, { license: 'mit', tags: ['lora', 'two words'] });
  });

  it('says nothing where there is no front matter, or none that it understands', () => {
    for (const text of [
      '',
      '# Title\nlicense: mit',
      '---\nlicense: mit\n',
      '---\nlicense:\n  name: x\n---\n',
      '---\nlicense: [More Information Needed]\n---\n',
    ]) {
      assert.deepEqual(parseCard(text), { tags: [] });
    }
  });

  it('keeps few and short tags of plain characters', () => {
    const tags = Array.from({ length: 30 }, (_, index) => `- tag${index}`).join('\n');

    const card = parseCard(`---\ntags:\n- ${'x'.repeat(33)}\n- <b>\n- $(zap)\n- a\u202eb\n${tags}\n---\n`);

    assert.equal(card.tags.length, 10);
    assert.equal(card.tags[0], 'tag0');
  });
});
