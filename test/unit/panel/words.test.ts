import assert from 'node:assert/strict';
import { PANEL_TEXTS } from '../../../src/shared/panelTexts';
import { Words } from '../../../webview/words';

const english = new Words('en', PANEL_TEXTS);

describe('words of the page', () => {
  it('fill the holes of a sentence with text as it is', () => {
    assert.equal(english.text('progress', '{1}', '$&'), '{1} of $&');
  });

  it('count in the plural of the language', () => {
    assert.equal(english.count('adapters', 1), '1 adapter');
    assert.equal(english.count('adapters', 10_000), '10,000 adapters');
    assert.equal(english.count('doctorBad', 2, 7), '2 of 7 checks need attention.');
    assert.equal(new Words('pt-br', PANEL_TEXTS).count('sources', 0), '0 source');
  });

  it('write sizes in powers of ten', () => {
    assert.equal(english.bytes(999), '999 byte');
    assert.equal(english.bytes(69_400), '69.4 KB');
    assert.equal(english.bytes(24_300_000), '24.3 MB');
    assert.equal(english.bytes(2_500_000_000), '2.5 GB');
    assert.deepEqual(
      [0, 30_000, 459_000, 18_200_000].map((rate) => english.rate(rate)),
      ['0 MB/s', '0.03 MB/s', '0.5 MB/s', '18.2 MB/s'],
    );
    assert.equal(new Words('pt-br', PANEL_TEXTS).bytes(24_300_000), '24,3 MB');
  });

  it('say 100 % only when nothing is missing', () => {
    assert.equal(english.percent(9_999, 10_000), '99%');
    assert.equal(english.percent(10_000, 10_000), '100%');
    assert.equal(english.percent(0, 0), '0%');
  });

  it('say how long something takes and how long ago it was', () => {
    const now = Date.UTC(2026, 10, 21);

    assert.equal(english.duration(0.2), '1 sec');
    assert.equal(english.duration(90), '2 min');
    assert.equal(english.duration(5_400), '1.5 hr');
    assert.equal(english.ago(now - 3 * 86_400_000, now), '3 days ago');
    assert.equal(english.ago(now - 400 * 86_400_000, now), 'last year');
  });

  it('say a little as a little, and never more than there is', () => {
    assert.deepEqual(
      [0, 0.004, 0.29, 0.9999, 1].map((share) => english.share(share)),
      ['0%', '0.4%', '29%', '99%', '100%'],
    );
  });

  it('number places as the language does', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 11, 22].map((place) => english.ordinal(place)),
      ['1st', '2nd', '3rd', '4th', '11th', '22nd'],
    );
  });

  it('keep the digits that mean something', () => {
    assert.equal(english.precise(0.000123456), '0.000123');
    assert.equal(english.precise(1234.5), '1,230');
    assert.equal(english.compact(24_313_856), '24.3M');
  });
});
