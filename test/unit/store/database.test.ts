import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../../src/engine/store/database';
import { Database } from '../../../src/engine/store/sqlite';
import { withTempFolder } from '../../helpers/packages';

describe('the database', () => {
  it('keeps what was committed, for its owner only', () =>
    withTempFolder((home) => {
      const path = join(home, 'engine.db');
      const first = openDatabase(path);
      first.run('INSERT INTO settings (key, value) VALUES (?, ?)', 'a', '1');
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
      first.close();

      const second = openDatabase(path);

      assert.equal(second.get('SELECT value FROM settings WHERE key = ?', 'a')?.['value'], '1');
      assert.equal(second.get('PRAGMA journal_mode')?.['journal_mode'], 'wal');
      assert.equal(second.get('PRAGMA synchronous')?.['synchronous'], 2);
      second.close();
      return Promise.resolve();
    }));

  it('does all of a transaction or nothing', () =>
    withTempFolder((home) => {
      const db = openDatabase(join(home, 'engine.db'));

      assert.throws(() =>
        db.transaction(() => {
          db.run('INSERT INTO settings (key, value) VALUES (?, ?)', 'a', '1');
          throw new Error('no');
        }),
      );

      assert.deepEqual(db.all('SELECT * FROM settings'), []);
      db.close();
      return Promise.resolve();
    }));

  it('leaves a newer database alone and says so', () =>
    withTempFolder((home) => {
      const path = join(home, 'engine.db');
      const newer = openDatabase(path);
      newer.exec('PRAGMA user_version = 1000; CREATE TABLE later (x)');
      newer.close();

      assert.throws(() => openDatabase(path), { code: 'STORE_VERSION' });

      const raw = new Database(path);
      assert.equal(raw.get('PRAGMA user_version')?.['user_version'], 1000);
      assert.ok(raw.get(`SELECT 1 FROM sqlite_schema WHERE name = 'later'`));
      raw.close();
      return Promise.resolve();
    }));

  it('never touches what it can not read, and says what to do', () =>
    withTempFolder((home) => {
      const good = join(home, 'good.db');
      const db = openDatabase(good);
      for (let i = 0; i < 500; i++)
        db.run('INSERT INTO settings (key, value) VALUES (?, ?)', `key ${i}`, 'x'.repeat(90));
      db.close();
      const bytes = readFileSync(good);
      const other = new Database(join(home, 'other.db'));
      other.exec('CREATE TABLE theirs (x)');
      other.close();
      const damaged: Record<string, Buffer> = {
        'no database': Buffer.alloc(5000, 'no database'),
        'a page of noise': Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(4096, 0xa5), bytes.subarray(12_288)]),
        'cut short': bytes.subarray(0, bytes.byteLength - 8192),
        'of another program': readFileSync(join(home, 'other.db')),
      };
      for (const [what, content] of Object.entries(damaged)) {
        const path = join(home, 'engine.db');
        writeFileSync(path, content);

        assert.throws(() => openDatabase(path), { code: 'STORE_CORRUPT', message: /move it elsewhere/ }, what);

        assert.deepEqual(readFileSync(path), content, what);
      }
      return Promise.resolve();
    }));

  it('takes an empty file, as a crash at the first start leaves one', () =>
    withTempFolder((home) => {
      const path = join(home, 'engine.db');
      writeFileSync(path, '');
      truncateSync(path, 0);

      openDatabase(path).close();

      assert.ok(statSync(path).size > 0);
      return Promise.resolve();
    }));

  it('follows no link', () =>
    withTempFolder((home) => {
      symlinkSync(join(home, 'target'), join(home, 'engine.db'));

      assert.throws(() => openDatabase(join(home, 'engine.db')), { code: 'STORE_FAILED' });

      assert.ok(!existsSync(join(home, 'target')));
      return Promise.resolve();
    }));

  it('silences the warning about SQLite and no other', () => {
    const script = `
      import { Database } from './src/engine/store/sqlite';
      new Database(':memory:').close();
      process.emitWarning('another one', 'ExperimentalWarning');`;

    const { stderr, status } = spawnSync(process.execPath, [
      '--import',
      'tsx',
      '--input-type=module-typescript',
      '-e',
      script,
    ]);

    assert.equal(status, 0, String(stderr));
    assert.match(String(stderr), /another one/);
    assert.doesNotMatch(String(stderr), /SQLite/);
  });
});
