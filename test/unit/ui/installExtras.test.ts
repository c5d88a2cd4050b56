import assert from 'node:assert/strict';
import { extraRows, extrasText, needsPreview, proposed } from '../../../src/ui/commands/installExtras';

const HOSTILE = '$(zap) [x](command:y)\u202e\u0007';

describe('proposals of an author', () => {
  it('are only what has something in it', () => {
    assert.deepEqual(proposed(undefined), []);
    assert.deepEqual(proposed({ system: ' \n', template: '', parameters: {} }), []);
    assert.deepEqual(proposed({ parameters: { temperature: 0 }, system: 'Be brief.' }), ['system', 'parameters']);
  });

  it('stand in a row when they are short, and are opened first when they are not', () => {
    const short = { system: 'Be brief.', parameters: { temperature: 0.2 } };

    assert.deepEqual(
      extraRows(short).map(({ extra, label, detail }) => [extra, label, detail]),
      [
        ['system', 'System prompt', 'Be brief.'],
        ['parameters', 'Parameters', 'temperature 0.2'],
      ],
    );
    assert.ok(!needsPreview(short));
    assert.ok(needsPreview({ system: 'x'.repeat(200) }));
    assert.ok(needsPreview({ template: 'a\nb' }));
    // Something that a row leaves out is something that the row does not show.
    assert.ok(needsPreview({ system: 'a $(zap) b' }));
  });

  it('are shown in full in the preview, set off from our own words', () => {
    const system = `${'Never stop. '.repeat(50)}\nWhat the author proposes for this model.`;

    const text = extrasText({ system, parameters: { stop: ['</s>', 'a b'], num_ctx: 4096 } });

    assert.ok(text.includes(system.replace('\n', '\n    ')));
    assert.ok(text.includes('    stop "</s>" "a b"\n    num_ctx 4096'));
    const lines = text.split('\n').filter((line) => /^\S/.test(line));
    assert.deepEqual(lines.slice(1), ['System prompt', 'Parameters']);
  });

  it('let nothing invisible through', () => {
    const extras = { system: HOSTILE, parameters: { [HOSTILE]: HOSTILE, stop: [HOSTILE] } };

    for (const { detail } of extraRows(extras)) assert.doesNotMatch(detail, /\u202e|\u0007|\$\(zap|\]\(command/);
    assert.doesNotMatch(extrasText(extras), /\u202e|\u0007/);
  });
});
