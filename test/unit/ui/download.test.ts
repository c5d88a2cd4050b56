import assert from 'node:assert/strict';
import type { VerdictState } from '../../../src/engine/state';
import { downloadChoices, verdictTitle } from '../../../src/ui/commands/downloadChoices';

describe('downloadChoices', () => {
  const exact: VerdictState = { verdict: 'exact', reason: 'Made for this base.', base: 'llama3.2:latest' };
  const installs = (verdict: VerdictState, policy: 'ask' | 'always' | 'never'): boolean[] =>
    downloadChoices(verdict, policy).map(({ install }) => install);

  it('offers to install over a base that is here, unless the user decided once for all', () => {
    assert.deepEqual(installs(exact, 'ask'), [true, false]);
    assert.deepEqual(installs(exact, 'always'), [true]);
    assert.deepEqual(installs(exact, 'never'), [false]);
    assert.deepEqual(installs({ ...exact, verdict: 'same-shape' }, 'ask'), [true, false]);
  });

  it('never installs what does not fit or has no base here', () => {
    for (const verdict of ['base-missing', 'unfit'] as const)
      for (const policy of ['ask', 'always', 'never'] as const)
        assert.deepEqual(installs({ verdict, reason: 'Why.' }, policy), [false]);
  });

  it('says the reason and the base, without icons or links from elsewhere', () => {
    const verdict = { ...exact, base: '$(zap)', reason: '[x](command:y)' };

    const [choice] = downloadChoices(verdict, 'ask');

    assert.equal(choice!.label, '$(desktop-download) Download and install in Ollama over $ (zap)');
    assert.equal(choice!.detail, '[x] (command:y)');
    assert.doesNotMatch(verdictTitle(verdict), /\$\(/);
  });
});
