import assert from 'node:assert/strict';
import type { EffectResult, InstallResult } from '../../../src/engine/deployWishes';
import { installedWords } from '../../../src/ui/commands/installed';

const effect = (change: Partial<EffectResult>): EffectResult => ({
  outcome: 'changed',
  checked: true,
  changed: true,
  reason: '',
  ...change,
});
const result = (change: Partial<EffectResult>, more: Partial<InstallResult> = {}): InstallResult => ({
  model: 'p2p-ana-sql',
  route: 'pull',
  base: 'llama3.2:latest',
  bytesOnDisk: 24e6,
  effect: effect(change),
  ...more,
});

describe('what is said of an install', () => {
  it('names the model, the way, its cost and how much it changes', () => {
    assert.deepEqual(installedWords('ana/sql', result({ logprobMove: 3.2111 })), {
      message:
        'ana/sql is in Ollama as p2p-ana-sql: an adapter on llama3.2:latest (24 MB). Checked: log-probabilities move by up to 3.211.',
      severity: 'info',
    });
  });

  it('leaves it to the engine how much of a merge is the adapter', () => {
    const reason = 'Same prompts, other answers than the base. Two tensors have another type now.';
    const { message } = installedWords('ana/sql', result({ logprobMove: 3, reason }, { route: 'merge' }));

    assert.match(message, /merged into a copy of llama3\.2:latest \(24 MB\)\. Same prompts.*another type now\.$/);
  });

  it('is loud when there is no effect', () => {
    const reason = 'The adapter has NO EFFECT: same prompt, same words. All its B matrices are zero.';
    const { message, severity } = installedWords('ana/sql', result({ outcome: 'identical', changed: false, reason }));

    assert.equal(
      message,
      'NO EFFECT: ana/sql is in Ollama as p2p-ana-sql, but it answers exactly like llama3.2:latest. Same prompt, same words. All its B matrices are zero.',
    );
    assert.equal(severity, 'warning');
  });

  it('says why it does not run', () => {
    const reason = 'The server says: unsupported architecture.';
    const { message, severity } = installedWords('ana/sql', result({ outcome: 'failed', changed: false, reason }));

    assert.match(message, /Ollama cannot run it\. The server says: unsupported architecture\.$/);
    assert.equal(severity, 'warning');
  });

  it('claims nothing that was not seen', () => {
    const reason = 'Not checked: Ollama cannot run the base model (no runner).';
    const { message } = installedWords(
      'ana/sql',
      result({ outcome: 'not-checked', checked: false, changed: false, reason }),
    );

    assert.match(message, /was not checked: Ollama cannot run the base model \(no runner\)\.$/);
    assert.doesNotMatch(message, /Checked:|differ/);
  });

  it('shows no name that Ollama would not give, and no link of a server', () => {
    const reason = '[click](command:workbench.action.terminal.new) $(zap)';
    const hostile = result({ outcome: 'failed', reason }, { model: '[x](command:y)', base: '$(zap)' });

    assert.doesNotMatch(installedWords('ana/sql', hostile).message, /\]\(command|\$\(zap/);
  });
});
