import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseCommand } from '../../../src/cli/args';
import { proposedExtras, usedExtras } from '../../../src/cli/extras';

describe('proposals for the Modelfile', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-extras-'));
  after(() => fs.rmSync(folder, { recursive: true }));
  const proposed = (...words: string[]) =>
    proposedExtras(parseCommand(['share', 'x', ...words]).options, (file) => path.resolve(folder, file));

  it('are none when nobody proposes any', async () => {
    assert.equal(await proposed(), undefined);
  });

  it('have texts, also from a file, and parameters of their kind', async () => {
    fs.writeFileSync(path.join(folder, 'chat.tmpl'), '{{ .System }}\n{{ .Prompt }}');

    const extras = await proposed(
      ...['--system', 'Answer in SQL.', '--template', '@chat.tmpl', '--param', 'temperature=0.2'],
      ...['--param', 'penalize_newline=false', '--param', 'stop=a=b', '--param', 'stop=;'],
    );

    assert.deepEqual(extras, {
      system: 'Answer in SQL.',
      template: '{{ .System }}\n{{ .Prompt }}',
      parameters: { temperature: 0.2, penalize_newline: false, stop: ['a=b', ';'] },
    });
  });

  it('are refused when they are none', async () => {
    for (const [wrong, message] of [
      ['temperature', /NAME=VALUE/],
      ['temperature=warm', /takes a number/],
      ['temperature=', /takes a number/],
      ['penalize_newline=no', /takes a boolean/],
    ] as const)
      await assert.rejects(proposed('--param', wrong), { code: 'USAGE', message });
    await assert.rejects(proposed('--param', 'seed=1', '--param', 'seed=2'), { code: 'USAGE', message: /twice/ });
    await assert.rejects(proposed('--system', '@nowhere'), { code: 'USAGE', message: /nowhere cannot be read/ });
  });

  it('are ticked by name', () => {
    assert.deepEqual(usedExtras('system, parameters'), ['system', 'parameters']);
    assert.equal(usedExtras(undefined), undefined);
    assert.throws(() => usedExtras('system,adapter'), { code: 'USAGE', message: /not "adapter"/ });
  });
});
