import assert from 'node:assert/strict';
import type { Inspection } from '../../../src/engine/wishes';
import { inspectionFacts, inspectionNotes, inspectionRows, refusal } from '../../../src/ui/commands/inspection';

const found: Inspection = {
  path: '/runs/sql/adapter_model.safetensors',
  format: 'peft',
  baseModel: 'meta-llama/Llama-3.2-3B-Instruct',
  architecture: 'llama',
  rank: 16,
  alpha: 32,
  scale: 2,
  targets: ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'],
  pairs: 196,
  parameters: 24_313_856,
  bytes: 24_300_000,
  dtype: 'F16',
  privateValues: [],
  problems: [],
  layers: [],
};

describe('inspection', () => {
  it('says in one line what was found', () => {
    assert.equal(
      inspectionFacts(found),
      'r 16 · alpha 32 · 7 target modules · 24.3 MB · F16 · base meta-llama/Llama-3.2-3B-Instruct',
    );
  });

  it('leaves out what no file says, and says so for alpha', () => {
    const { alpha: _alpha, baseModel: _base, rank: _rank, scale: _scale, dtype: _dtype, ...unknown } = found;

    assert.equal(inspectionFacts(unknown), '7 target modules · 24.3 MB');
    assert.match(inspectionNotes(unknown)[0]!.label, /Alpha is unknown/);
    assert.doesNotMatch(JSON.stringify(inspectionRows(unknown)), /Rank|Alpha|undefined/);
  });

  it('shows the values that are taken out of the config', () => {
    const notes = inspectionNotes({ ...found, privateValues: ['base_model_name_or_path'] });

    assert.deepEqual(
      notes.map(({ label }) => label),
      ['$(eye-closed) base_model_name_or_path is taken out.'],
    );
  });

  it('puts problems first and names the one that forbids sharing', () => {
    const problems = [
      { code: 'A', severity: 'warn', message: 'Odd, but usable.' },
      { code: 'B', severity: 'refuse', message: 'Pickle. Convert it with $(zap) first.' },
    ] as const;

    assert.equal(refusal(found), undefined);
    assert.equal(refusal({ ...found, problems }), 'Pickle. Convert it with $ (zap) first.');
    assert.deepEqual(
      inspectionNotes({ ...found, problems }).map(({ label, detail }) => [label, detail]),
      [
        ['$(warning) Odd, but usable.', ''],
        ['$(error) Pickle.', 'Convert it with $ (zap) first.'],
      ],
    );
  });
});
