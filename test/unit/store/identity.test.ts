import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadIdentitySeed } from '../../../src/engine/store/identity';
import { withTempFolder } from '../../helpers/packages';

describe('loadIdentitySeed', () => {
  it('makes a seed once, for its owner only, and gives the same ever after', () =>
    withTempFolder(async (folder) => {
      const home = join(folder, 'new', 'home');

      const seed = await loadIdentitySeed(home);

      assert.match(seed, /^[0-9a-f]{64}$/);
      assert.equal(await loadIdentitySeed(home), seed);
      assert.equal(statSync(join(home, 'identity.key')).mode & 0o777, 0o600);
      assert.equal(statSync(home).mode & 0o777, 0o700);
      assert.deepEqual(readdirSync(home), ['identity.key']);
    }));

  it('gives another seed to another home', () =>
    withTempFolder(async (folder) => {
      assert.notEqual(await loadIdentitySeed(join(folder, 'a')), await loadIdentitySeed(join(folder, 'b')));
    }));

  it('makes one seed when several ask at once', () =>
    withTempFolder(async (home) => {
      const seeds = await Promise.all(Array.from({ length: 8 }, () => loadIdentitySeed(home)));

      assert.equal(new Set(seeds).size, 1);
      assert.deepEqual(readdirSync(home), ['identity.key']);
    }));

  it('makes no second identity where an editor keeps the first one', () =>
    withTempFolder(async (home) => {
      writeFileSync(join(home, 'identity.claim'), '');

      await assert.rejects(loadIdentitySeed(home), { code: 'IDENTITY_ELSEWHERE', message: /Keep the editor open/ });

      assert.deepEqual(readdirSync(home), ['identity.claim']);
    }));

  it('refuses a damaged file, leaves it as it is and says what to do', () =>
    withTempFolder(async (home) => {
      const path = join(home, 'identity.key');
      for (const text of ['', 'x', '0'.repeat(63), 'G'.repeat(64), `${'0'.repeat(64)}\n\n`, '0'.repeat(10_000)]) {
        writeFileSync(path, text);

        await assert.rejects(loadIdentitySeed(home), { code: 'STORE_CORRUPT', message: /Put your copy of it back/ });

        assert.equal(readFileSync(path, 'utf8'), text);
      }
    }));

  it('follows no link', () =>
    withTempFolder(async (home) => {
      writeFileSync(join(home, 'other'), '0'.repeat(64));
      symlinkSync(join(home, 'other'), join(home, 'identity.key'));

      await assert.rejects(loadIdentitySeed(home), { code: 'STORE_CORRUPT' });
    }));
});
