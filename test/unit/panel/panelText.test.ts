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
import { plainTransferDetails } from '../../../src/ui/panel/transferText';
import { details, room, source, transfer, transferDetails } from '../../webview/samples';

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

  it('lets no figure of a transfer through that is none, and no list without end', () => {
    const wrong = [Number.NaN, -1, Infinity, 300, 128];
    const plain = plainTransferDetails(
      transferDetails(0, {
        transfer: transfer(0, { name: DIRTY }),
        held: [...wrong, ...Array.from({ length: 5_000 }, () => 255)],
        asked: wrong,
        rates: [...wrong, ...Array.from({ length: 60 }, () => 1)],
        peers: Array.from({ length: 1_000 }, () => source(0, { name: DIRTY, has: 7, rate: Number.NaN, rttMs: -1 })),
      }),
    );

    assert.equal(plain.transfer.name, CLEAN);
    assert.deepEqual(plain.held.slice(0, 6), [0, 0, 0, 255, 128, 255]);
    assert.equal(plain.held.length, 1_024);
    assert.deepEqual(plain.asked, [0, 0, 0, 255, 128]);
    assert.deepEqual(new Set(plain.rates), new Set([1]));
    assert.equal(plain.rates.length, 60);
    assert.equal(plain.peers.length, 64);
    assert.deepEqual(plain.peers[0], source(0, { name: CLEAN, has: 1, rate: 0, rttMs: 0 }));
  });

  it('leaves the details of a transfer as they are when they are right', () => {
    const details = transferDetails(0);

    assert.deepEqual(plainTransferDetails(details), details);
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
