import assert from 'node:assert/strict';
import { answerMove, largestMove } from '../../../src/engine/ollama/effect/answerMove';
import type { GeneratedToken } from '../../../src/engine/ollama/answers';
import { judge } from '../../../src/engine/ollama/effect/effect';

const token = (text: string, logprob?: number, top: Record<string, number> = {}): GeneratedToken => ({
  text,
  logprob,
  top: new Map(Object.entries(top)),
});

describe('answerMove', () => {
  it('is the largest move of a probability while the words are the same', () => {
    const move = answerMove([token('a', -1), token('b', -2)], [token('a', -1.25), token('b', -2.5)]);

    assert.deepEqual(move, { logprob: 0.5 });
  });

  it('ends where the words part, with how far the one word fell in the other answer', () => {
    const one = [token('a', -1), token('b', -0.5, { b: -0.5, c: -1 }), token('z', -9)];
    const other = [token('a', -1), token('c', -0.25, { c: -0.25, b: -2 }), token('z', -1)];

    assert.deepEqual(answerMove(one, other), { logprob: 1.5, partsAt: 2 });
  });

  it('takes a word that is not even likely any more to have fallen to the last of those', () => {
    const one = [token('b', -0.5, { b: -0.5 })];
    const other = [token('c', -0.1, { c: -0.1, d: -4 })];

    assert.deepEqual(answerMove(one, other), { logprob: 3.5, partsAt: 1 });
  });

  it('knows words alone where there are no probabilities', () => {
    assert.deepEqual(answerMove([token('a')], [token('a')]), {});
    assert.deepEqual(answerMove([token('a')], [token('b')]), { partsAt: 1 });
    assert.deepEqual(answerMove([token('a')], [token('a'), token('b')]), { partsAt: 2 });
    assert.deepEqual(answerMove([token('a'), token('b')], [token('a')]), { partsAt: 2 });
  });

  it('of several is the largest, and the earliest parting', () => {
    const moves = [{ logprob: 0.5, partsAt: 7 }, { partsAt: 3 }, { logprob: 2 }, {}];

    assert.deepEqual(largestMove(moves), { logprob: 2, partsAt: 3 });
  });
});

describe('what the answers of base and model say', () => {
  const why = (): Promise<string> => Promise.resolve('Because.');
  const outcome = async (
    ...moves: Parameters<typeof judge> extends [infer M, infer N, ...unknown[]] ? [M, N] : never
  ) => (await judge(...moves, why)).outcome;

  it('is a change when probabilities move more than the base does against itself', async () => {
    const effect = await judge({ logprob: 0.25, partsAt: 3 }, { logprob: 0.00002 }, why);

    assert.deepEqual(
      [effect.outcome, effect.checked, effect.changed, effect.logprobMove],
      ['changed', true, true, 0.25],
    );
    assert.match(
      effect.reason,
      /move by up to 0\.250 \(the base against itself: 2e-5\), and the words part at token 3/,
    );
  });

  it('is loud, with a cause, when nothing moves', async () => {
    const effect = await judge({ logprob: 0 }, { logprob: 0 }, why);

    assert.deepEqual([effect.outcome, effect.checked, effect.changed], ['identical', true, false]);
    assert.match(effect.reason, /NO EFFECT.*within 0\.001\). Because\.$/);
  });

  it('is no change when only the noise moves, although it makes other words', async () => {
    assert.equal(await outcome({ logprob: 0.003, partsAt: 9 }, { logprob: 0.001 }), 'identical');
    assert.equal(await outcome({ logprob: 0.005, partsAt: 9 }, { logprob: 0.001 }), 'changed');
  });

  it('is nothing when the noise is too large to see an effect', async () => {
    const effect = await judge({ logprob: 0.3, partsAt: 1 }, { logprob: 0.2 }, why);

    assert.deepEqual([effect.outcome, effect.checked, effect.changed], ['not-checked', false, false]);
    assert.match(effect.reason, /too noisy/);
  });

  it('is read from the words where there are no probabilities, if the base keeps to its words', async () => {
    assert.equal(await outcome({ partsAt: 4 }, {}), 'changed');
    assert.equal(await outcome({}, {}), 'identical');
    assert.equal(await outcome({ partsAt: 4 }, { partsAt: 9 }), 'not-checked');
  });
});
