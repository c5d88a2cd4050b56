import assert from 'node:assert/strict';
import { parseConfig } from '../../../src/engine/adapter/config';
import { isMlxConfig, parseMlxConfig } from '../../../src/engine/adapter/mlxConfig';
import { parsePeftConfig, type PeftConfig } from '../../../src/engine/adapter/peftConfig';

describe('parsePeftConfig', () => {
  it('fills nothing in', () => {
    const config = peft({ peft_type: 'LORA' });

    assert.equal(config.baseModel, undefined);
    assert.equal(config.rankOf('model.layers.0.self_attn.q_proj'), undefined);
    assert.equal(config.alphaOf('model.layers.0.self_attn.q_proj'), undefined);
    assert.deepEqual(config.problems, []);
  });

  it('scales by rank, or by its root with rsLoRA', () => {
    assert.equal(peft({ lora_alpha: 12.5 }).scaleOf(12.5, 8), 1.5625);
    assert.equal(peft({ use_rslora: true }).scaleOf(16, 4), 8);
  });

  it('lets the first pattern in file order decide', () => {
    const config = peft({
      r: 8,
      lora_alpha: 16,
      alpha_pattern: { 'layers\\.1\\..*gate_proj': 4, gate_proj: 5, '^model\\.layers\\.0\\.mlp\\.up_proj': 6 },
    });

    assert.equal(config.alphaOf('model.layers.1.mlp.gate_proj'), 4);
    assert.equal(config.alphaOf('model.layers.0.mlp.gate_proj'), 5);
    assert.equal(config.alphaOf('model.layers.0.mlp.up_proj'), 6);
    assert.equal(config.alphaOf('model.layers.0.mlp.other_gate_proj'), 16);
    assert.equal(config.alphaOf('model.layers.1.mlp.gate_proj.more'), 16);
  });

  const blocking: Record<string, Record<string, unknown>> = {
    dora: { use_dora: true },
    'lora-bias': { lora_bias: true },
    'fan-in-fan-out': { fan_in_fan_out: true },
    'modules-to-save': { modules_to_save: ['lm_head'] },
    alora: { alora_invocation_tokens: [1] },
    'trainable-tokens': { trainable_token_indices: { embed_tokens: [1] } },
    'layer-replication': { layer_replication: [[0, 2]] },
    'init-changes-base': { init_lora_weights: 'pissa_niter_4' },
    variant: { use_qalora: true },
  };
  const mergeable = ['dora', 'lora-bias', 'modules-to-save', 'trainable-tokens'];
  for (const [code, config] of Object.entries(blocking)) {
    it(`keeps ${JSON.stringify(config)} from being installed, but not from being shared`, () => {
      const [problem] = peft({ ...config }).problems;

      assert.deepEqual(
        [problem?.code, problem?.severity, problem?.blocks],
        [code, 'warn', mergeable.includes(code) ? 'gguf' : 'install'],
      );
    });
  }

  it('stops at a variant that came after us', () => {
    for (const config of [
      { use_something_new: true },
      { something_new_config: { a: 1 } },
      { init_lora_weights: 'olora' },
    ]) {
      assert.equal(peft(config).problems[0]?.blocks, 'install');
    }
    assert.deepEqual(
      peft({ use_something_new: false, something_new_config: {}, init_lora_weights: 'gaussian' }).problems,
      [],
    );
  });

  it('refuses what is not LoRA, and patterns that it does not understand', () => {
    const codes = (config: Record<string, unknown>) =>
      peft(config).problems.map(({ code, severity }) => `${code} ${severity}`);

    assert.deepEqual(codes({ peft_type: 'IA3' }), ['not-lora refuse']);
    assert.deepEqual(codes({ rank_pattern: { '(?!x)q_proj': 4 } }), ['pattern-unsupported refuse']);
  });

  it('reads which rows of which embedding were trained', () => {
    assert.deepEqual(peft({ trainable_token_indices: [7, 3] }).tokenRows, [{ indices: [7, 3] }]);
    assert.deepEqual(peft({ trainable_token_indices: { embed_tokens: [1], lm_head: [2, 5] } }).tokenRows, [
      { module: 'embed_tokens', indices: [1] },
      { module: 'lm_head', indices: [2, 5] },
    ]);
    assert.deepEqual(peft({ trainable_token_indices: null }).tokenRows, []);
  });

  const invalid = [
    { trainable_token_indices: [1, -1] },
    { trainable_token_indices: { embed_tokens: 3 } },
    { r: '8' },
    { r: 0 },
    { r: 1.5 },
    { r: -1 },
    { lora_alpha: '16' },
    { lora_alpha: true },
    { use_rslora: 'yes' },
    { modules_to_save: 'lm_head' },
    { modules_to_save: [1] },
    { rank_pattern: [] },
    { alpha_pattern: { q_proj: '4' } },
    { peft_type: 7 },
    { base_model_name_or_path: {} },
  ];
  for (const config of invalid) {
    it(`refuses ${JSON.stringify(config)}`, () => {
      assert.throws(() => peft(config), { code: 'ADAPTER_CONFIG_INVALID' });
    });
  }
});

describe('parseMlxConfig', () => {
  it('takes the scale alone, and no alpha for it', () => {
    const config = mlx({ fine_tune_type: 'lora', model: 'a/b', lora_parameters: { rank: 8, scale: 2.5, alpha: 32 } });

    assert.deepEqual(config, { baseModel: 'a/b', rank: 8, scale: 2.5, problems: [] });
  });

  it('leaves the scale unknown when it is not there', () => {
    assert.equal(mlx({ fine_tune_type: 'lora', lora_parameters: { rank: 8 } }).scale, undefined);
  });

  it('says what is no plain LoRA', () => {
    const of = (config: Record<string, unknown>) =>
      mlx(config).problems.map(({ code, severity }) => `${code} ${severity}`);

    assert.deepEqual(of({ fine_tune_type: 'full' }), ['full-fine-tune refuse']);
    assert.deepEqual(of({ fine_tune_type: 'dora' }), ['dora warn']);
    assert.deepEqual(of({ use_dora: true, lora_parameters: {} }), ['dora warn']);
    assert.deepEqual(of({ fine_tune_type: 'other' }), ['not-lora refuse']);
  });

  it('is told from PEFT by its keys', () => {
    assert.ok(isMlxConfig(parsed({ lora_parameters: {} })));
    assert.ok(!isMlxConfig(parsed({ peft_type: 'LORA', lora_parameters: {} })));
    assert.ok(!isMlxConfig(parsed({ r: 8 })));
  });
});

function parsed(config: Record<string, unknown>) {
  return parseConfig(Buffer.from(JSON.stringify(config)));
}

function peft(config: Record<string, unknown>): PeftConfig {
  return parsePeftConfig(parsed({ peft_type: 'LORA', ...config }));
}

function mlx(config: Record<string, unknown>) {
  return parseMlxConfig(parsed(config));
}
