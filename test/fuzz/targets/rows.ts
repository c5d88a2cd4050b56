import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeRevocation } from '../../../src/engine/identity/statements';
import { makePrivate, readRoom, writeRoom } from '../../../src/engine/net/roomBook';
import { makeRoomSecret } from '../../../src/engine/net/roomCode';
import { Bitfield } from '../../../src/engine/release/bitfield';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { identityKeys } from '../../../src/engine/release/release';
import { writePackageFacts } from '../../../src/engine/store/packageFiles';
import { SharedStore } from '../../../src/engine/store/sharedStore';
import type { SqlValue } from '../../../src/engine/store/sqlite';
import { StatementStore } from '../../../src/engine/store/statementStore';
import { Store } from '../../../src/engine/store/store';
import { makePackage, makeRelease } from '../../helpers/packages';
import { damaged } from '../bytes';
import type { Random } from '../random';
import type { OpenTarget, Target, Verdict } from '../target';
import { jsonBytes, mutatedText, mutatedValue } from '../values';

interface Cell {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly value: SqlValue;
}

/** One damaged cell of the database: its row may be left out or be another, but all is read. */
export const rows: Target = {
  name: 'rows of the store',
  open: async (scratch) => new Rows(await filledStore(join(scratch, 'rows'))),
};

class Rows implements OpenTarget {
  readonly #cells: readonly Cell[];
  #whole = '';

  constructor(private readonly store: Store) {
    const { db } = store;
    const tables = db.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    this.#cells = tables.flatMap(({ name }) => {
      const row = db.get(`SELECT * FROM ${String(name)} LIMIT 1`);
      assert.ok(row, `table ${String(name)} has no row`);
      return db.all(`PRAGMA table_info(${String(name)})`).map(({ name: column, type }) => ({
        ...{ table: String(name), column: String(column), type: String(type) },
        value: row[String(column)] as SqlValue,
      }));
    });
  }

  /** The first byte is the cell, the rest is what it holds. */
  make(random: Random): Uint8Array {
    const number = random.below(this.#cells.length);
    const { value } = this.#cells[number]!;
    const content = typeof value === 'string' ? otherText(value, random) : otherBytes(value, random);
    return Buffer.concat([Uint8Array.of(number), content]);
  }

  async take(input: Uint8Array): Promise<Verdict> {
    this.#whole ||= await this.#read();
    const { db } = this.store;
    const { table, column, type, value } = this.#cells[(input[0] ?? 0) % this.#cells.length]!;
    const write = (to: SqlValue): unknown => db.unsynced(() => db.run(`UPDATE ${table} SET ${column} = ?`, to));
    try {
      write(sqlValue(type, Buffer.from(input.subarray(1))));
    } catch {
      return 'refused'; // SQLite lets it not in.
    }
    try {
      return (await this.#read()) === this.#whole ? 'refused' : 'accepted';
    } finally {
      write(value);
    }
  }

  async close(): Promise<void> {
    await this.store.close();
  }

  /** All that a start reads of them. */
  async #read(): Promise<string> {
    const { store } = this;
    const shared = new SharedStore(store.db, store.paths);
    const broken = await shared.load();
    const rooms = store.rooms.list().map(({ kind, id, label, data }) => {
      const entry = readRoom(kind, id, data);
      return [label, entry && writeRoom(entry), entry?.room.kind, store.rooms.limits(id)];
    });
    const found = [
      ...[store.settings.all(), store.journal.list(), store.journal.ids(), store.wanted.list(), store.struck.list()],
      ...[store.madeModels.list(), store.madeModels.works(), rooms, shared.list(), broken],
      ...[new StatementStore(store.db, () => new Set()).list(), store.journal.held(String(store.journal.ids()[0]), 8)],
    ];
    return JSON.stringify(found, (key, value: unknown) => (key === 'forMs' ? 0 : value));
  }
}

function otherText(text: string, random: Random): Uint8Array {
  if (!/^[[{]/.test(text) || random.isOneIn(4)) return Buffer.from(mutatedText(text, random));
  let value = JSON.parse(text) as unknown;
  for (let count = 1 + random.below(2); count > 0; count--) value = mutatedValue(value, random);
  return jsonBytes(value);
}

/** An integer is eight bytes. */
function otherBytes(value: SqlValue, random: Random): Uint8Array {
  if (value instanceof Uint8Array) return damaged(Buffer.from(value), random);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(
    random.pick([0n, 1n, -1n, 2n, 2n ** 31n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]),
  );
  return bytes;
}

function sqlValue(type: string, content: Buffer): SqlValue {
  if (type === 'BLOB') return content;
  if (type === 'TEXT') return content.toString('utf8');
  const bytes = Buffer.alloc(8);
  content.copy(bytes);
  return bytes.readBigInt64LE();
}

/** A store with at least one row in each table. */
async function filledStore(home: string): Promise<Store> {
  const store = await Store.open(home);
  const { manifest } = await makePackage();
  const release = makeRelease(manifest.id);
  const keys = identityKeys(Buffer.alloc(32, 9));
  const { secret, nonce } = makeRoomSecret(keys.publicKey);
  const room = makePrivate(secret);
  room.learnOrigin({ creator: keys.publicKey, nonce }, undefined);
  for (const key of ['ab', 'cd']) room.circle.names.set(key.repeat(32), 'bo');
  const data = writeRoom({ room, past: [] });

  store.settings.set('network.bootstrap', ['127.0.0.1:49737']);
  store.rooms.put({ id: '0123456789abcdef', kind: 'private', label: 'Team', isJoined: true, data });
  store.journal.begin(manifest, { release, data: { roomIds: ['general'], maxRate: 5 } });
  store.journal.commit(manifest.id, Bitfield.full(new ChunkMap(manifest).chunks));
  store.wanted.putLast({ id: manifest.id, release, data: { roomIds: ['general'], isPaused: true } });
  store.struck.put('ab'.repeat(32), 3_600_000);
  store.madeModels.keepWork({
    ...{ id: '0123', url: 'http://127.0.0.1:11434', model: 'p2p-x', base: 'llama3.2:latest' },
    ...{ staged: ['a'], blobs: [`sha256:${manifest.id}`], files: ['/x'] },
  });
  store.db.run(
    'INSERT INTO made_models (model, digest, adapter_id, data) VALUES (?, ?, ?, ?)',
    'm',
    'd',
    'a',
    '{"base":"b"}',
  );
  store.db.run('INSERT INTO library (id, added_at) VALUES (?, ?)', manifest.id, 1);
  store.db.run(
    `INSERT INTO seen_releases (author_key, content_id, sequence, release_id) VALUES (?, ?, 1, ?)`,
    ...[Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)],
  );
  store.db.run("INSERT OR REPLACE INTO counters (name, value) VALUES ('sequence', 1)");
  store.statements.put(makeRevocation(keys), { isMine: true, room: 'general' });
  mkdirSync(store.paths.package('shared', manifest.id));
  await writePackageFacts(store.paths.package('shared', manifest.id), { manifest, release });
  store.shared.put({
    ...{ id: manifest.id, manifest, release, rooms: ['general'], weightsPath: '/nowhere', isCopy: false, isOn: true },
    ...{ phase: 'serving', seenSize: 5, seenMtimeMs: 7, addedAt: 3 },
  });
  return store;
}
