import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { AdapterShape } from '../../../src/engine/adapter/adapterInfo';
import { architectureOfName } from '../../../src/engine/adapter/architectures';
import type { BaseModel } from '../../../src/engine/adapter/baseModel';
import { fitProblems } from '../../../src/engine/adapter/fit';
import { baseModelFromGguf } from '../../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { isOfLineage, lineageOf, suggestPull } from '../../../src/engine/adapter/lineage';
import { adapterShape } from '../../../src/engine/adapter/shape';
import { judgeShape } from '../../../src/engine/adapter/verdict';
import { BASES, fixture, goldFixtures } from '../../helpers/gold';

const bases = new Map<string, BaseModel>();
before(async () => {
  for (const base of BASES)
    bases.set(base, { ...(await baseModelFromGguf(fixture(base, 'base.f32.gguf'))), name: `${base}:latest` });
});

describe('judgeShape', () => {
  for (const { base, name, folder } of goldFixtures(existsSync)) {
    if (['ia3', 'loha', 'pickle-only', 'mlx-full'].includes(name)) continue;

    it(`${base}: ${name} among all bases`, async () => {
      const shape = adapterShape(await inspectAdapter(folder));

      const { verdict, base: judged, reason } = judgeShape(shape, [...bases.values()]);

      if (name.includes('tied-') && shape.baseModel === 'fx/tiny-qwen2') assert.match(reason, /only be merged/);
      if (shape.baseModel === `fx/tiny-${base}`) {
        assert.deepEqual([verdict, judged], ['exact', `${base}:latest`]);
      } else {
        assert.equal(verdict, 'same-shape');
      }
    });
  }

  it('knows a base by its digest', async () => {
    const base = { ...bases.get('llama')!, digest: 'sha256:aa', lineage: [] };
    const shape = { ...(await shapeOf('all-r8')), baseDigest: 'sha256:aa' };

    assert.equal(judgeShape(shape, [base]).verdict, 'exact');
    assert.equal(judgeShape({ ...shape, blocks: 3 }, [base]).verdict, 'unfit');
    assert.equal(judgeShape({ ...shape, baseDigest: 'sha256:bb' }, [base]).verdict, 'same-shape');
  });

  it('knows a base by its fingerprint in another file, and takes it before one of the same name', async () => {
    const shape = { ...(await shapeOf('all-r8')), baseDigest: 'sha256:aa', baseFingerprint: 'sha256:f1' };
    const named = { ...bases.get('llama')!, name: 'q4', digest: 'sha256:cc', fingerprint: 'sha256:f2' };
    const same = { ...named, name: 'rewritten', lineage: [], digest: 'sha256:bb', fingerprint: 'sha256:f1' };

    const { verdict, base, reason } = judgeShape(shape, [named, same]);

    assert.deepEqual([verdict, base], ['exact', 'rewritten']);
    assert.equal(reason, 'It was trained for the very weights of rewritten.');
    assert.equal(judgeShape(shape, [named]).base, 'q4');
    const { fingerprint: _unknown, ...unread } = same;
    assert.equal(judgeShape(shape, [unread]).verdict, 'same-shape');
    assert.equal(judgeShape({ ...shape, blocks: 3 }, [same]).verdict, 'unfit');
  });

  it('prefers a base that it can be added to over one that it can only be merged into', async () => {
    const { baseModel: _baseModel, ...shape } = await headShape();
    const tied = { ...bases.get('qwen2')!, lineage: [] };
    const head = tied.tensors.get('token_embd.weight')!;
    const own = { ...tied, name: 'untied', tensors: new Map([...tied.tensors, ['output.weight', head]]) };

    const both = judgeShape(shape, [tied, own]);
    const alone = judgeShape(shape, [tied]);

    assert.deepEqual([both.verdict, both.base], ['same-shape', 'untied']);
    assert.doesNotMatch(both.reason, /merged/);
    assert.deepEqual([alone.verdict, alone.base], ['same-shape', 'qwen2:latest']);
    assert.match(
      alone.reason,
      /It can only be merged into a copy of that model: .* uses one tensor for input and output/,
    );
  });

  it('says which tensor does not fit', () => {
    const shape: AdapterShape = { blocks: 2, dims: { v_proj: [64, 32], q_proj: [4096, 4096] } };

    const { verdict, reason } = judgeShape(shape, [bases.get('llama')!]);

    assert.equal(verdict, 'unfit');
    assert.equal(reason, 'q_proj is 4096 → 4096 here, llama:latest has 64 → 64.');
  });

  it('judges only the base that was wanted, with or without its tag', async () => {
    const shape = await shapeOf('all-r8');

    assert.equal(judgeShape(shape, [...bases.values()], 'mistral').verdict, 'unfit');
    assert.equal(judgeShape(shape, [...bases.values()], 'llama').verdict, 'exact');
    assert.equal(judgeShape(shape, [...bases.values()], 'llama:latest').verdict, 'exact');
    assert.equal(judgeShape(shape, [...bases.values()], 'llama:7b').verdict, 'base-missing');
  });

  it('names what to pull when nothing here fits', () => {
    const shape: AdapterShape = {
      baseModel: 'unsloth/Llama-3.2-3B-Instruct-bnb-4bit',
      blocks: 28,
      dims: { q_proj: [3072, 3072] },
    };

    const { verdict, reason } = judgeShape(shape, [...bases.values()]);

    assert.equal(verdict, 'base-missing');
    assert.match(reason, /Pull llama3\.2:3b in Ollama first/);
    assert.equal(judgeShape(shape, []).verdict, 'base-missing');
    assert.equal(judgeShape({ blocks: 1, dims: {} }, []).verdict, 'base-missing');
  });

  it('never takes a shape alone for the base itself', async () => {
    const shape = await shapeOf('all-r8');
    const { baseModel: _baseModel, ...unknown } = shape;

    assert.equal(judgeShape({ ...unknown, architecture: 'llama' }, [bases.get('llama')!]).verdict, 'same-shape');
    assert.equal(judgeShape({ ...shape, architecture: 'qwen2' }, [bases.get('llama')!]).verdict, 'unfit');
    assert.equal(judgeShape({ ...shape, dims: {} }, [bases.get('llama')!]).verdict, 'unfit');
  });

  it('judges by head counts when the server does not list the tensors', async () => {
    const base = { ...bases.get('qwen3')!, tensors: new Map() };
    const shape = adapterShape(await inspectAdapter(fixture('qwen3/adapters/attn-r6')));

    assert.equal(judgeShape(shape, [base]).verdict, 'exact');
    assert.equal(judgeShape({ ...shape, dims: { q_proj: [64, 64] } }, [base]).verdict, 'unfit');
    assert.equal(judgeShape({ ...shape, dims: { lm_head: [64, 320] } }, [base]).verdict, 'unfit');
  });

  it('judges a GGUF by the names of its tensors', async () => {
    const shape = adapterShape(await inspectAdapter(fixture('llama/lora-gguf/patterns.gguf')));

    assert.equal(judgeShape(shape, [bases.get('llama')!]).verdict, 'same-shape');
    assert.equal(judgeShape(shape, [bases.get('qwen2')!]).verdict, 'unfit');
  });

  async function headShape(): Promise<AdapterShape> {
    return adapterShape(await inspectAdapter(fixture('qwen2/adapters/tied-head')));
  }

  async function shapeOf(name: string): Promise<AdapterShape> {
    return adapterShape(await inspectAdapter(fixture('llama/adapters', name)));
  }
});

describe('fitProblems', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['llama/adapters/all-r8', 'llama', undefined],
    ['llama/adapters/embed-head', 'llama', undefined],
    ['llama/adapters/all-r8', 'mistral', 'base-shape'],
    ['llama/adapters/all-r8', 'phi3', 'base-tensor-missing'],
    ['phi3/adapters/all-r4', 'llama', 'base-tensor-missing'],
    ['gemma3/adapters/mm-names', 'gemma3', undefined],
    ['gemma3/adapters/qv-r2', 'gemma2', 'base-blocks'],
    ['qwen2/adapters/tied-embed', 'qwen2', 'tied-embedding'],
    ['qwen2/adapters/mlx-tied-embed', 'qwen2', 'tied-embedding'],
    ['qwen2/adapters/tied-head', 'qwen2', 'tied-head'],
    ['bad/ok.gguf', 'llama', undefined],
    ['bad/wrong-arch.gguf', 'llama', 'base-architecture'],
    ['bad/wrong-shape.gguf', 'llama', 'base-shape'],
    ['bad/embed-tied.gguf', 'qwen2', 'tied-embedding'],
  ];
  for (const [path, base, code] of cases) {
    it(`${path} on ${base}: ${code ?? 'fits'}`, async () => {
      const problems = fitProblems(await inspectAdapter(fixture(path)), bases.get(base)!);

      assert.equal(problems[0]?.code, code);
      assert.ok(problems.every(({ severity }) => severity === 'refuse'));
    });
  }

  it('does not place the pair of an expert on the block', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/qv-r4'));
    const expert = {
      ...info,
      modules: info.modules.map((module) => ({ ...module, name: 'model.layers.0.mlp.experts.0.gate_proj' })),
    };

    assert.equal(fitProblems(expert, bases.get('llama')!)[0]?.code, 'module-unknown');
    assert.deepEqual(Object.keys(adapterShape(expert).dims), ['mlp.experts.0.gate_proj']);
  });
});

describe('isOfLineage', () => {
  const same: readonly (readonly [string, string])[] = [
    ['meta-llama/Llama-3.2-3B-Instruct', 'Llama 3.2 3B Instruct'],
    ['meta-llama/Meta-Llama-3.1-8B-Instruct', 'Llama 3.1 8B Instruct'],
    ['unsloth/Llama-3.2-3B-Instruct-bnb-4bit', 'meta-llama/Llama-3.2-3B-Instruct'],
    ['mlx-community/Qwen2.5-7B-Instruct-4bit', 'https://huggingface.co/Qwen/Qwen2.5-7B-Instruct'],
    ['Qwen/Qwen3-8B', 'https://huggingface.co/Qwen/Qwen3-8B'],
    ['fx/tiny-llama', 'fx-tiny-llama'],
  ];
  for (const [wanted, known] of same) {
    it(`takes ${wanted} and ${known} for one`, () => {
      assert.ok(isOfLineage(wanted, [known]));
    });
  }

  const others: readonly (readonly [string, string])[] = [
    ['meta-llama/Llama-3.2-3B-Instruct', 'Llama 3.2 3B'],
    ['meta-llama/Llama-3.2-3B', 'Llama 3.2 3B Instruct'],
    ['meta-llama/Llama-3.2-3B', 'Llama 3.2 1B'],
    ['meta-llama/Llama-3.2-3B', 'Llama-3.2'],
    ['meta-llama/Llama-3.2-3B', 'Llama'],
    ['meta-llama/Llama-3.1-8B-Instruct', 'Llama 3 8B Instruct'],
    ['someone/Llama-3.2-3B', 'https://huggingface.co/meta-llama/Llama-3.2-3B'],
    ['a/merged', 'merged'],
    ['a/model', 'b/model'],
    ['tiny-llama', 'tiny-llama'],
    ['fx/tiny-llama-of-someone-else', 'fx-tiny-llama'],
    ['', ''],
  ];
  for (const [wanted, known] of others) {
    it(`does not take ${wanted || 'no name'} and ${known || 'no name'} for one`, () => {
      assert.ok(!isOfLineage(wanted, [known]));
    });
  }
});

describe('lineageOf', () => {
  const read = (values: Record<string, unknown>) => lineageOf((key) => values[key.replace('general.', '')]);

  it('counts the source of a repack as the model itself', () => {
    const names = read({
      name: 'Llama 3.2 3B Instruct',
      basename: 'Llama-3.2',
      size_label: '3B',
      finetune: 'Instruct',
      'base_model.0.name': 'Llama 3.2 3B Instruct',
      'base_model.0.repo_url': 'https://huggingface.co/meta-llama/Llama-3.2-3B-Instruct',
    });

    assert.ok(isOfLineage('meta-llama/Llama-3.2-3B-Instruct', names));
    assert.ok(!names.includes('Llama-3.2'));
  });

  it('does not take a fine-tune for what it was made from', () => {
    const names = read({
      name: 'My Assistant 3B',
      'base_model.0.name': 'Llama 3.2 3B Instruct',
      'base_model.0.repo_url': 'https://huggingface.co/meta-llama/Llama-3.2-3B-Instruct',
    });

    assert.deepEqual(names, ['My Assistant 3B']);
    assert.ok(!isOfLineage('meta-llama/Llama-3.2-3B-Instruct', names));
  });

  it('passes over what is no text', () => {
    assert.deepEqual(read({ name: 7, basename: '', size_label: 'x'.repeat(300) }), []);
  });
});

describe('names of models', () => {
  it('give an architecture only when there is no doubt', () => {
    const known: Record<string, string | undefined> = {
      'meta-llama/Llama-3.2-3B-Instruct': 'llama',
      'unsloth/Meta-Llama-3.1-8B-bnb-4bit': 'llama',
      'mistralai/Mistral-7B-Instruct-v0.3': 'llama',
      'Qwen/Qwen2.5-Coder-7B': 'qwen2',
      'deepseek-ai/DeepSeek-R1-Distill-Qwen-7B': 'qwen2',
      'Qwen/Qwen3-8B': 'qwen3',
      'google/gemma-2-9b-it': 'gemma2',
      'google/gemma-3-270m': 'gemma3',
      'microsoft/Phi-3.5-mini-instruct': 'phi3',
      'microsoft/phi-4': 'phi3',
      'unsloth/Phi-4-mini-instruct-bnb-4bit': 'phi3',
      'microsoft/Phi-4-mini-reasoning': 'phi3',
      'mistralai/Mistral-Small-24B-Instruct-2501': 'llama',
      'microsoft/Phi-4-multimodal-instruct': undefined,
      'microsoft/Phi-4-mini-flash-reasoning': undefined,
      'mistralai/Mistral-Small-3.1-24B-Instruct-2503': undefined,
      'meta-llama/Llama-4-Scout-17B-16E': undefined,
      'meta-llama/Llama-3.2-11B-Vision-Instruct': undefined,
      'Qwen/Qwen2-VL-7B': undefined,
      'Qwen/Qwen3-30B-A3B': undefined,
      'Qwen/Qwen3-Embedding-0.6B': undefined,
      'google/gemma-3n-E2B': undefined,
      'microsoft/Phi-3-small-8k-instruct': undefined,
      'someone/my-llama': undefined,
    };
    for (const [name, architecture] of Object.entries(known))
      assert.equal(architectureOfName(name), architecture, name);
  });

  it('give what to pull for the families of the library, and never a text of their own', () => {
    assert.equal(suggestPull('Qwen/Qwen2.5-0.5B-Instruct'), 'qwen2.5:0.5b');
    assert.equal(suggestPull('google/gemma-3-4b-it'), 'gemma3:4b');
    assert.equal(suggestPull('meta-llama/Llama-3.2-3B'), undefined);
    assert.equal(suggestPull('evil.example/x/y'), undefined);
  });
});
