import assert from 'node:assert/strict';
import { sign } from 'hypercore-crypto';
import { requireExtras } from '../../../src/engine/release/extras';
import { identityKeys, openRelease, type Release } from '../../../src/engine/release/release';
import { makeRelease, seededBytes } from '../../helpers/packages';

const ID = 'ab'.repeat(32);
const PARENT = 'cd'.repeat(32);
const keys = identityKeys(seededBytes(32, 'author 1'));

/** Signs any payload, so that only the reading can refuse it. */
function openWith(fields: Record<string, unknown>): Release {
  const payload = Buffer.from(JSON.stringify({ ...makeRelease(ID).release, parents: [PARENT], ...fields }));
  const signature = sign(Buffer.concat([Buffer.from('lora-swarm/release/1\n'), payload]), keys.secretKey);
  return openRelease(payload, signature, keys.publicKey).release;
}

const lineage = {
  method: 'ties',
  parts: [{ id: PARENT, name: 'ana/sql', weight: -0.5 }],
  rank: 8,
  density: 0.5,
  seed: 3,
};
const extras = {
  system: 'Be brief.\n\tAlways.',
  template: '{{ .Prompt }}',
  parameters: { temperature: 0.5, stop: ['</s>'] },
};

describe('lineage of a release', () => {
  it('travels as it is', () => {
    assert.deepEqual(openWith({ lineage }).lineage, lineage);
    assert.deepEqual(openWith({ lineage: { method: 'concat', parts: [{ weight: 0 }] } }).lineage, {
      method: 'concat',
      parts: [{ weight: 0 }],
    });
  });

  it('is absent for a method of a later version, and keeps no unknown field', () => {
    assert.ok(!('lineage' in openWith({ lineage: { ...lineage, method: 'slerp' } })));
    const read = openWith({ lineage: { ...lineage, later: 1, parts: [{ weight: 1, later: 2, __proto__: {} }] } });
    assert.deepEqual(Object.keys(read.lineage!), ['method', 'parts', 'rank', 'density', 'seed']);
    assert.deepEqual(read.lineage!.parts, [{ weight: 1 }]);
  });

  const part = (fields: object) => ({ ...lineage, parts: [{ ...lineage.parts[0], ...fields }] });
  const wrong: Record<string, unknown> = {
    null: null,
    'a list': [],
    'no method': { ...lineage, method: undefined },
    'a method of another type': { ...lineage, method: 1 },
    'no parts': { ...lineage, parts: [] },
    'parts that are no list': { ...lineage, parts: { length: 1, 0: lineage.parts[0] } },
    'too many parts': { ...lineage, parts: Array.from({ length: 17 }, () => ({ weight: 1 })) },
    'a part that is no object': { ...lineage, parts: [1] },
    'an id that is no content id': part({ id: '../x' }),
    'an id that is no parent': part({ id: 'ef'.repeat(32) }),
    'a name with a path': part({ name: '../../etc/passwd' }),
    'a name with a line end': part({ name: 'a\nb' }),
    'a long name': part({ name: 'a'.repeat(65) }),
    'no weight': part({ weight: undefined }),
    'a weight as text': part({ weight: '1' }),
    'an infinite weight': part({ weight: null }),
    'a huge weight': part({ weight: -1_001 }),
    'rank 0': { ...lineage, rank: 0 },
    'half a rank': { ...lineage, rank: 1.5 },
    'a density over 1': { ...lineage, density: 1.1 },
    'a negative seed': { ...lineage, seed: -1 },
  };
  for (const [what, value] of Object.entries(wrong))
    it(`refuses ${what}`, () => {
      assert.throws(() => openWith({ lineage: value }), { code: 'RELEASE_INVALID' });
    });
});

describe('proposals of a release for the Modelfile', () => {
  it('travel as they are', () => {
    assert.deepEqual(openWith({ extras }).extras, extras);
    assert.deepEqual(openWith({ extras: { parameters: { stop: 'x', penalize_newline: true, seed: -1 } } }).extras, {
      parameters: { stop: 'x', penalize_newline: true, seed: -1 },
    });
  });

  it('leave out what Ollama does not know or what is the business of the machine', () => {
    const parameters = { num_gpu: 99, num_thread: 1, use_mmap: false, later: 1, top_k: 5 };

    assert.deepEqual(openWith({ extras: { parameters, later: 1 } }).extras, { parameters: { top_k: 5 } });
    assert.ok(!('extras' in openWith({ extras: { parameters: { num_gpu: 1 } } })));
    assert.ok(!('extras' in openWith({ extras: {} })));
  });

  it('fit into a release at their longest', () => {
    const longest = { system: 'ä'.repeat(1_024), template: 'x'.repeat(2_048) };

    assert.deepEqual(openWith({ extras: longest }).extras, longest);
  });

  const wrong: Record<string, unknown> = {
    text: 'temperature 0',
    'an empty prompt': { system: '' },
    'a prompt of another type': { system: ['a'] },
    'a prompt over 2 KiB': { system: 'ä'.repeat(1_025) },
    'a template over 2 KiB': { template: 'x'.repeat(2_049) },
    'a prompt with an escape sequence': { system: '\u001b[2J' },
    'a prompt with half a character': { system: '\ud800' },
    'parameters that are a list': { parameters: [1] },
    'too many parameters': {
      parameters: Object.fromEntries(Array.from({ length: 17 }, (_, i) => ['a'.repeat(i + 1), 1])),
    },
    'a name with a line end': { parameters: { 'top_k\nFROM x': 1 } },
    'a long name': { parameters: { ['a'.repeat(33)]: 1 } },
    'a number as text': { parameters: { temperature: '0.5' } },
    'an infinite number': { parameters: { temperature: null } },
    'a number beyond all counting': { parameters: { num_ctx: 1e300 } },
    'a number for yes or no': { parameters: { penalize_newline: 1 } },
    'a long stop': { parameters: { stop: 'x'.repeat(201) } },
    'no stops': { parameters: { stop: [] } },
    'too many stops': { parameters: { stop: Array.from({ length: 9 }, () => 'x') } },
    'a stop in a list in a list': { parameters: { stop: [['x']] } },
  };
  for (const [what, value] of Object.entries(wrong))
    it(`refuse ${what}`, () => {
      assert.throws(() => openWith({ extras: value }), { code: 'RELEASE_INVALID' });
    });

  it('tell their author what would not travel', () => {
    assert.deepEqual(requireExtras(extras), extras);
    assert.throws(() => requireExtras({ parameters: { num_gpu: 1 } }), { code: 'USAGE', message: /num_gpu/ });
    assert.throws(() => requireExtras({ parameters: { constructor: 1 } }), { code: 'USAGE' });
    assert.throws(() => requireExtras({ system: 'x'.repeat(2_049) }), { code: 'USAGE', message: /2048 bytes/ });
  });
});
