import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Emitter } from '../../../src/engine/events';
import { identitySeed, SEED_SECRET, type SecretStore } from '../../../src/ui/identity';

/** A secret storage of the editor: one for all its windows, and every window hears of a change. */
class Secrets implements SecretStore {
  readonly values = new Map<string, string>();
  readonly #changed = new Emitter<{ readonly key: string }>();
  readonly onDidChange = this.#changed.event;

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.values.get(key));
  }

  store(key: string, value: string): Promise<void> {
    this.values.set(key, value);
    this.#changed.fire({ key });
    return Promise.resolve();
  }
}

describe('identitySeed', () => {
  let home: string;
  let secrets: Secrets;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lora-swarm-identity-'));
    secrets = new Secrets();
  });

  afterEach(() => rm(home, { recursive: true }));

  it('makes a seed once, keeps it in the secret storage and nowhere in the folder', async () => {
    const first = await identitySeed(secrets, home);
    const second = await identitySeed(secrets, home);

    assert.match(first ?? '', /^[0-9a-f]{64}$/);
    assert.equal(second, first);
    assert.equal(secrets.values.get(SEED_SECRET), first);
    assert.deepEqual(await readdir(home), ['identity.claim']);
  });

  it('leaves the identity to the file that the command line made', async () => {
    await identitySeed(secrets, home);
    await writeFile(join(home, 'identity.key'), 'f'.repeat(64));

    assert.equal(await identitySeed(secrets, home), undefined);
  });

  it('gives all windows that open at once the same seed', async () => {
    const seeds = await Promise.all(Array.from({ length: 6 }, () => identitySeed(secrets, home)));

    assert.equal(new Set(seeds).size, 1);
    assert.equal(seeds[0], secrets.values.get(SEED_SECRET));
  });

  it('waits for the window that is making the seed', async () => {
    await writeFile(join(home, 'identity.claim'), '');
    const waiting = identitySeed(secrets, home);

    await secrets.store(SEED_SECRET, 'e'.repeat(64));

    assert.equal(await waiting, 'e'.repeat(64));
  });

  it('makes a new seed when the stored one is damaged', async () => {
    await secrets.store(SEED_SECRET, 'damaged');

    const seed = await identitySeed(secrets, home);

    assert.match(seed ?? '', /^[0-9a-f]{64}$/);
    assert.equal(await identitySeed(secrets, home), seed);
  });

  describe('after the user moved to another key or restored one', () => {
    const next = 'd'.repeat(64);
    const change = (text = `restored\n${next}\n{"version":1}`): Promise<void> =>
      writeFile(join(home, 'identity.next'), text);

    it('takes the new seed into the secret storage and leaves the file to the engine', async () => {
      await identitySeed(secrets, home);
      await change();

      const seeds = await Promise.all(Array.from({ length: 3 }, () => identitySeed(secrets, home)));

      assert.deepEqual(new Set(seeds), new Set([next]));
      assert.equal(secrets.values.get(SEED_SECRET), next);
      assert.deepEqual((await readdir(home)).sort(), ['identity.claim', 'identity.next']);
    });

    it('lets the engine do it where the identity is in a file', async () => {
      await writeFile(join(home, 'identity.key'), 'f'.repeat(64));
      await change();

      assert.equal(await identitySeed(secrets, home), undefined);
      assert.equal(secrets.values.size, 0);
    });

    it('goes on as before when the file is damaged', async () => {
      const first = await identitySeed(secrets, home);
      for (const text of ['', 'restored\n', `other\n${next}\n`, `moved\n${next.slice(1)}\n{}`]) {
        await change(text);

        assert.equal(await identitySeed(secrets, home), first);
      }
    });
  });
});
