import assert from 'node:assert/strict';
import { DEFAULT_SETTINGS } from '../../../src/engine/settings';
import type { MadeModels } from '../../../src/engine/ollama/install/madeModels';
import { reopen, withStore } from '../../helpers/stores';

describe('SettingsStore', () => {
  it('gives defaults, and after a restart what was set', () =>
    withStore(async (store) => {
      assert.deepEqual(store.settings.all(), DEFAULT_SETTINGS);

      const value = store.settings.set('transfer.downloadLimit', '20MB');
      const later = await reopen(store);

      assert.equal(value, 20_000_000);
      assert.equal(later.settings.get('transfer.downloadLimit'), 20_000_000);
      assert.deepEqual(later.settings.all(), { ...DEFAULT_SETTINGS, 'transfer.downloadLimit': 20_000_000 });
      await later.close();
    }));

  it('fires when a value changes, and only then', () =>
    withStore((store) => {
      const seen: string[] = [];
      store.settings.onDidChange(({ key }) => seen.push(key));

      store.settings.set('ollama.modelPrefix', 'mine');
      store.settings.set('ollama.modelPrefix', 'mine');
      store.settings.set('rooms.joinAtStart', true);

      assert.deepEqual(seen, ['ollama.modelPrefix']);
      return Promise.resolve();
    }));

  it('keeps the old value when the new one is not allowed', () =>
    withStore((store) => {
      store.settings.set('network.mode', 'local');

      assert.throws(() => store.settings.set('network.mode', 'everywhere'), { code: 'SETTING_INVALID' });

      assert.equal(store.settings.get('network.mode'), 'local');
      return Promise.resolve();
    }));

  it('falls back to the default for a value of another version', () =>
    withStore((store) => {
      store.db.run(`INSERT INTO settings VALUES ('network.mode', '"sideways"'), ('storage.maxGB', 'no json')`);

      assert.equal(store.settings.get('network.mode'), 'all');
      assert.equal(store.settings.get('storage.maxGB'), 0);
      return Promise.resolve();
    }));
});

describe('RoomStore', () => {
  it('remembers rooms in their order, with what each keeps', () =>
    withStore(async (store) => {
      const general = { id: 'general', kind: 'general', label: 'general', isJoined: false, data: null } as const;
      const data = { secret: 'ab', epoch: 2, members: ['k1', 'k2'], owner: { isMe: true } };
      const ours = { id: '00ff00ff00ff00ff', kind: 'private', label: 'Lab', isJoined: true, data } as const;
      store.rooms.put(general);
      store.rooms.put(ours);
      store.rooms.put({ ...general, isJoined: true });

      const later = await reopen(store);

      assert.deepEqual(later.rooms.list(), [{ ...general, isJoined: true }, ours]);
      assert.deepEqual(later.rooms.get(ours.id), ours);
      later.rooms.remove(ours.id);
      assert.equal(later.rooms.get(ours.id), undefined);
      assert.equal(later.rooms.list().length, 1);
      await later.close();
    }));
});

describe('MadeModelStore', () => {
  it('fits what the Ollama part asks of it, and survives a restart', () =>
    withStore(async (store) => {
      const models: MadeModels = store.madeModels;
      models.add('p2p-ana-summaries:latest', { digest: 'd1', adapterId: 'a1' });
      models.add('p2p-ana-other:latest', { digest: 'd2', adapterId: 'a2' });
      models.add('p2p-ana-summaries:latest', { digest: 'd3', adapterId: 'a1' });
      models.remove('p2p-ana-other:latest');

      const later = await reopen(store);

      assert.deepEqual(later.madeModels.list(), [{ model: 'p2p-ana-summaries:latest', digest: 'd3', adapterId: 'a1' }]);
      assert.deepEqual(later.madeModels.get('p2p-ana-summaries:latest'), { digest: 'd3', adapterId: 'a1' });
      assert.equal(later.madeModels.get('p2p-ana-other:latest'), undefined);
      await later.close();
    }));
});
