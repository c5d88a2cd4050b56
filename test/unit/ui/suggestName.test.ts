import assert from 'node:assert/strict';
import { suggestName } from '../../../src/ui/suggestName';
import { isAdapterName } from '../../../src/ui/text';

describe('suggestName', () => {
  it('takes the run folder, not the file that every trainer calls the same', () => {
    assert.equal(suggestName('/home/ana/runs/sql-coder/adapter_model.safetensors', 'ana'), 'ana/sql-coder');
    assert.equal(suggestName('/home/ana/runs/sql-coder', 'ana'), 'ana/sql-coder');
    assert.equal(suggestName('/home/ana/mlx/adapters.safetensors', 'ana'), 'ana/mlx');
  });

  it('takes the name of a file that has one', () => {
    assert.equal(suggestName('/models/pt-chat.gguf', 'ana'), 'ana/pt-chat');
  });

  it('names the run together with its checkpoint', () => {
    assert.equal(suggestName('/runs/2026-11-02/checkpoint-400', 'ana'), 'ana/2026-11-02-checkpoint-400');
  });

  it('names what lies in Ollama as its model', () => {
    assert.equal(suggestName('ollama:my-lora:latest', 'ana'), 'ana/my-lora');
    assert.equal(suggestName('ollama:rui/my-lora:v2#2', 'ana'), 'ana/my-lora-v2');
  });

  it('leaves the author out when nobody is named', () => {
    assert.equal(suggestName('/runs/sql', ''), 'sql');
  });

  it('always gives a name that a release may have', () => {
    for (const folder of ['São Paulo (v2)', '…', '李雷', '-x-', '.hidden', 'a'.repeat(200), 'x\u202ey', '$(zap)'])
      assert.ok(isAdapterName(suggestName(`/runs/${folder}`, 'João 🙂')), folder);
    assert.equal(suggestName('/runs/São Paulo (v2)', 'João'), 'Joao/Sao-Paulo-v2');
  });
});
