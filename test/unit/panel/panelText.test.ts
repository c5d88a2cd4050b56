import assert from 'node:assert/strict';
import type { AdapterDetails } from '../../../src/engine/wishes';
import { PANEL_TEXTS } from '../../../src/shared/panelTexts';
import {
  panelTexts,
  plainCard,
  plainCheck,
  plainDetails,
  plainRoom,
  plainTransfer,
} from '../../../src/ui/panel/panelText';
import { details, room, transfer } from '../../webview/samples';

const DIRTY = 'a\u202eb\u200b\u001b[31m\u0007c';
const CLEAN = 'ab[31mc';

describe('text on its way to the page', () => {
  it('is plain in every field that others write', () => {
    const dirty: AdapterDetails = details(0, {
      name: DIRTY,
      author: DIRTY,
      baseModel: DIRTY,
      architecture: DIRTY,
      dtype: DIRTY,
      license: DIRTY,
      version: DIRTY,
      signerFingerprint: DIRTY,
      path: DIRTY,
      card: DIRTY,
      targets: [DIRTY],
      tags: [DIRTY],
      models: [DIRTY],
      parents: [DIRTY],
      verdict: { verdict: 'exact', reason: DIRTY, base: DIRTY },
      problems: [{ code: 'X', severity: 'warn', message: DIRTY }],
      layers: [{ name: DIRTY, norm: 1 }],
    });

    const text = JSON.stringify([
      plainDetails(dirty),
      plainRoom(room({ label: DIRTY })),
      plainTransfer(transfer(0, { name: DIRTY, problem: { code: 'X', message: DIRTY } })),
      plainCheck({ id: DIRTY, ok: false, detail: DIRTY, fix: DIRTY }),
    ]);

    assert.doesNotMatch(text, /\u202e|\u200b|\\u001b|\\u0007/);
    assert.equal(text.split(CLEAN).length - 1, 24);
  });

  it('keeps what is there and adds nothing', () => {
    const plain = details(0);

    assert.deepEqual(plainDetails(plain), plain);
  });

  it('has an end, however much there is', () => {
    const endless = 'x'.repeat(1_000_000);
    const many = Array.from({ length: 5_000 }, () => endless.slice(0, 300));

    const plain = plainDetails(
      details(0, {
        name: endless,
        license: endless,
        card: endless,
        tags: many,
        targets: many,
        models: many,
        problems: many.map((message) => ({ code: 'X', severity: 'warn', message })),
        layers: many.map((name) => ({ name, norm: Number.NaN })),
      }),
    );

    assert.ok(JSON.stringify(plain).length < 700_000);
    assert.ok(plain.layers.every(({ norm }) => norm === 0));
  });

  it('keeps the lines, indents and code of a card', () => {
    assert.equal(plainCard('# T\r\n\n\tx  $(y) [a](b)\u202e\u0000'), '# T\n\n\tx  $(y) [a](b)');
  });
});

describe('sentences of the page', () => {
  it('are all translated, and keep their holes for the page', () => {
    const texts = panelTexts((message) => `<${message}>`);

    assert.deepEqual(Object.keys(texts), Object.keys(PANEL_TEXTS));
    assert.equal(texts.progress, '<{0} of {1}>');
  });

  it('come in pairs where they count something', () => {
    for (const key of Object.keys(PANEL_TEXTS).filter((name) => name.endsWith('One')))
      assert.ok(Object.hasOwn(PANEL_TEXTS, key.replace(/One$/, 'Other')), key);
  });
});
