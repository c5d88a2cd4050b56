import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelfileBeside, readModelfile } from '../../../src/ui/modelfile';
import { costSince, started } from '../../helpers/processorTime';

describe('readModelfile', () => {
  it('reads system prompt, template and parameters, however they are quoted', () => {
    const text = `# made by hand
FROM llama3.2
ADAPTER ./adapter_model.safetensors
SYSTEM """You answer with SQL.

One statement, no words."""
template "{{ .Prompt }}"
PARAMETER temperature 0.2
PARAMETER stop "</s>"
PARAMETER stop <|end|>
PARAMETER penalize_newline true
LICENSE MIT
`;

    assert.deepEqual(readModelfile(text), {
      system: 'You answer with SQL.\n\nOne statement, no words.',
      template: '{{ .Prompt }}',
      parameters: { temperature: 0.2, stop: ['</s>', '<|end|>'], penalize_newline: true },
    });
    assert.deepEqual(readModelfile('SYSTEM Be brief.\r\n'), { system: 'Be brief.' });
  });

  it('leaves out what a machine decides, what is no value, and what is too long to travel', () => {
    const text = `FROM x\nPARAMETER num_gpu 99\nPARAMETER temperature hot\nPARAMETER constructor 1\nSYSTEM ${'x'.repeat(2_049)}`;

    assert.equal(readModelfile(text), undefined);
    assert.equal(readModelfile(''), undefined);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('takes no time for hostile text', () => {
    const since = started();

    readModelfile(`SYSTEM """${'"" '.repeat(20_000)}`);
    readModelfile(`${' '.repeat(30_000)}SYSTEM`.repeat(2));

    assert.ok(costSince(since) < 500);
  });
});

describe('modelfileBeside', () => {
  it('finds it beside the weights or in their folder, and misses none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modelfile-'));
    try {
      assert.equal(await modelfileBeside(folder), undefined);
      writeFileSync(join(folder, 'Modelfile'), 'SYSTEM Be brief.');

      assert.deepEqual(await modelfileBeside(folder), { system: 'Be brief.' });
      assert.deepEqual(await modelfileBeside(join(folder, 'adapter_model.safetensors')), { system: 'Be brief.' });
      assert.equal(await modelfileBeside('ollama:my-lora'), undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
