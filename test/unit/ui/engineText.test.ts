import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeShape, mergedOnly } from '../../../src/engine/adapter/verdict';
import { storageError } from '../../../src/engine/errors';
import { engineText, useSentences } from '../../../src/ui/engineText';
import { fillHoles, useTranslation } from '../../../src/ui/l10n';
import { peerText } from '../../../src/ui/text';

const bundle = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../l10n/bundle.l10n.pt-br.json'), 'utf8'),
) as Record<string, string>;

describe('engineText', () => {
  before(() => {
    useTranslation((message, ...args) => fillHoles(bundle[message] ?? message, ...args), 'pt-br');
    useSentences(Object.keys(bundle));
  });
  after(() => {
    useTranslation(fillHoles, 'en');
    useSentences([]);
  });

  it('says a sentence of the engine in the language of the editor', () => {
    assert.equal(engineText('The network is switched off.'), 'A rede está desligada.');
    const full = storageError(Object.assign(new Error('x'), { code: 'ENOSPC' }), '/data/loras') as Error;
    assert.equal(engineText(full.message, 400), 'O disco de /data/loras está cheio. Libere espaço e depois retome.');
  });

  it('knows sentences in a sentence, and several one after the other', () => {
    const missing = judgeShape({ blocks: 1, dims: {}, baseModel: 'fx/tiny-llama' }, []);
    assert.equal(
      engineText(missing.reason, 400),
      'A base dele, fx/tiny-llama, não está aqui. Obtenha-o primeiro no Ollama.',
    );
    const merged = mergedOnly(
      { verdict: 'exact', reason: 'Its base, a/b, is here as b:latest.' },
      'It is a DoRA adapter: its magnitudes only work merged into the base.',
    );
    assert.equal(
      engineText(merged.reason, 400),
      'A base dele, a/b, está aqui como b:latest. Só pode ser mesclado em uma cópia desse modelo: É um adaptador DoRA: suas magnitudes só funcionam mescladas na base.',
    );
    assert.equal(
      engineText('Something new. The network is switched off. The engine closes.'),
      'Something new. A rede está desligada. O motor está fechando.',
    );
  });

  it('leaves what it does not know as it is, and names and paths of the user', () => {
    assert.equal(engineText('What is this'), 'What is this');
    assert.equal(engineText('/home/ana/3 adapters does not exist.'), '/home/ana/3 adapters não existe.');
    assert.equal(engineText(undefined), '');
  });

  it('makes what a peer wrote plain, and ends with any of it', () => {
    assert.equal(engineText('The network is\u202e switched off.'), 'A rede está desligada.');
    const words = 'It is " in and of; has. It, '.repeat(100);
    assert.equal(engineText(words, 900), peerText(words, 900));
  });
});
