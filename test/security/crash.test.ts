import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { CHUNK_BYTES } from '../../src/engine/limits';
import { Registry } from '../../src/engine/registry/registry';
import { parseManifest, FILE_ROLES } from '../../src/engine/release/manifest';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import { Store } from '../../src/engine/store/store';
import { armFaults } from '../helpers/faults';
import { makePackage, seededBytes, seededRandom, withTempFolder, type TestPackage } from '../helpers/packages';
import { addAllHashes, bytesOf } from '../helpers/stores';
import { cancelledPackage, kept, sharedPackage, wantedPackage, type Done } from './storeScenario';

describe('the store, killed at any point', () => {
  let wanted: TestPackage;
  let cancelled: TestPackage;
  let shared: TestPackage;
  let folder: string;
  let child: string;
  before(async () => {
    [wanted, cancelled, shared] = await Promise.all([wantedPackage(), cancelledPackage(), sharedPackage()]);
    folder = mkdtempSync(join(tmpdir(), 'lora-swarm-crash-'));
    // Bundled once: starting a hundred processes through a loader would take a minute. Inside the project, so that the
    // native add-on of the signatures is found.
    child = join(import.meta.dirname, '../../out-test/storeChild.cjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'storeChild.ts')],
      outfile: child,
      bundle: true,
      platform: 'node',
      packages: 'external',
      logLevel: 'error',
    });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Makes a home beside a source file of the user. */
  function newHome(name: string): string {
    const home = join(folder, name, 'home');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(folder, name, 'source.safetensors'), shared.contents[0]!);
    return home;
  }

  async function run(command: string, args: readonly string[]): Promise<{ signal: string | null; done: Done[] }> {
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1', NODE_NO_WARNINGS: '1' };
    const started = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    started.stdout.on('data', (data: Buffer) => out.push(data));
    started.stderr.on('data', (data: Buffer) => err.push(data));
    const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      started.on('error', reject);
      started.on('close', (code, signal) => resolve({ code, signal }));
    });
    if (code !== null && code !== 0 && code !== 137) throw new Error(`exit ${code}: ${String(Buffer.concat(err))}`);
    const lines = String(Buffer.concat(out)).split('\n').slice(0, -1);
    return { signal: code === 137 ? 'SIGKILL' : signal, done: lines.map((line) => JSON.parse(line) as Done) };
  }

  /** Every promise of the store, after the next start. Then the download is ended as a user would. */
  async function checkNothingLost(home: string, done: readonly Done[], what: string): Promise<void> {
    const has = (kind: Done['kind']): boolean => done.some((step) => step.kind === kind);
    const chunks = done.flatMap((step) => (step.kind === 'chunks' ? [step] : []));
    checkLibrary(home, what); // Before anything is set right.
    const store = await Store.open(home);
    try {
      if (has('setting')) assert.equal(store.settings.get('identity.displayName'), kept.displayName, what);
      if (has('room')) assert.deepEqual(store.rooms.list(), [kept.room], what);
      if (has('shared')) assert.equal(new Registry(store).get(shared.manifest.id)?.phase, 'serving', what);
      if (has('discarded')) assert.equal(store.journal.get(cancelled.manifest.id), undefined, what);
      if (has('finished')) assert.ok(store.library.get(wanted.manifest.id), what);
      else if (chunks.length > 0 && !store.library.get(wanted.manifest.id))
        assert.equal(store.journal.get(wanted.manifest.id)?.release?.release.name, 'summaries', what);

      const rest = store.journal.list().find(({ id }) => id === cancelled.manifest.id);
      if (rest) await (await PartialPackage.open(store, rest.manifest)).discard();
      if (!store.library.get(wanted.manifest.id)) await resume(store, wanted, chunks, what);

      checkLibrary(home, what);
      assert.deepEqual(readdirSync(join(home, 'library')), [wanted.manifest.id], what);
      for (const area of ['partial', 'tmp']) assert.deepEqual(readdirSync(join(home, area)), [], `${what}: ${area}`);
      assert.deepEqual(store.journal.list(), [], what);
    } finally {
      await store.close();
    }
    const left = readdirSync(home).filter((name) => !name.startsWith('engine.db'));
    assert.deepEqual(left.sort(), ['library', 'partial', 'shared', 'tmp'], what);
    assert.deepEqual(readFileSync(join(home, '..', 'source.safetensors')), shared.contents[0], what);
  }

  async function resume(
    store: Store,
    source: TestPackage,
    acknowledged: readonly { first: number; count: number }[],
    what: string,
  ): Promise<void> {
    const partial = await PartialPackage.open(store, source.manifest);
    addAllHashes(partial, source);
    for (const { first, count } of acknowledged)
      for (let i = first; i < first + count; i++) assert.ok(partial.held.has(i), `${what}: chunk ${i} was lost`);
    await checkHeld(partial, source, what);
    for (let next = partial.nextMissing(); next !== undefined; next = partial.nextMissing(next))
      partial.write(next, bytesOf(source, next, 1));
    await partial.finish();
  }

  it('keeps every acknowledged chunk and every committed row, whichever call it dies in', async () => {
    const whole = await run(process.execPath, [child, newHome('whole'), '0']);
    const calls = whole.done.find((step) => step.kind === 'calls')?.calls ?? 0;
    assert.ok(calls > 60, `${calls} calls that change the disk`);

    let next = 1;
    let killed = 0;
    const worker = async (): Promise<void> => {
      for (let at = next++; at <= calls; at = next++) {
        const home = newHome(`call-${at}`);
        const { signal, done } = await run(process.execPath, [child, home, String(at)]);
        assert.equal(signal, 'SIGKILL', `call ${at}`);
        killed++;
        await checkNothingLost(home, done, `killed at call ${at}`);
        rmSync(join(home, '..'), { recursive: true });
      }
    };
    // All of them end before the folder is removed, also when one fails.
    const ended = await Promise.allSettled(Array.from({ length: availableParallelism() }, worker));
    for (const result of ended) if (result.status === 'rejected') throw result.reason;

    assert.equal(killed, calls);
  }).timeout(180_000);

  it('keeps them when it dies in the middle of a system call of the database', async function () {
    const strace = (args: readonly string[]): string[] => [
      '-f',
      '-qq',
      '-o',
      join(folder, 'trace'),
      '-e',
      'signal=none',
      ...args,
    ];
    const probe = spawnSync('strace', [...strace(['-e', 'trace=none']), process.execPath, '-e', '0']);
    if (probe.status !== 0) this.skip(); // No strace on this machine, or it may not trace here.

    const random = seededRandom(5);
    for (let round = 0; round < 24; round++) {
      const call = ['pwrite64', 'fdatasync', 'unlink', 'rename'][round % 4]!;
      const at = 1 + Math.floor(random() * { pwrite64: 90, fdatasync: 30, unlink: 2, rename: 1 }[call]!);
      const home = newHome(`${call}-${round}`);
      const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${at}`];

      const { done } = await run('strace', [...strace(inject), process.execPath, child, home, '0']);

      await checkNothingLost(home, done, `killed in ${call} ${at}`);
    }
  }).timeout(120_000);
});

describe('a partial package, damaged while nobody looked', () => {
  let source: TestPackage;
  let other: TestPackage;
  let folder: string;
  const held = new Set<number>();
  before(async () => {
    [source, other] = await Promise.all([wantedPackage(), cancelledPackage()]);
    folder = mkdtempSync(join(tmpdir(), 'lora-swarm-damage-'));
    const store = await Store.open(join(folder, 'template'));
    for (const [pack, chosen] of [
      [source, held],
      [other, new Set<number>()],
    ] as const) {
      const partial = await PartialPackage.open(store, pack.manifest);
      addAllHashes(partial, pack);
      for (let i = 0; i < partial.map.chunks; i++) {
        if (i % 5 === 4) continue;
        partial.write(i, bytesOf(pack, i, 1));
        chosen.add(i);
      }
    }
    await store.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const random = seededRandom(2_024);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;

  function damageFile(path: string): string {
    const bytes = readFileSync(path);
    const [from, to] = [random(), random()].map((at) => Math.floor(at * (bytes.byteLength + 1))).sort((a, b) => a - b);
    const kind = pick(['flip', 'noise', 'zero tail', 'truncate', 'empty', 'remove', 'append']);
    if (kind === 'flip' && bytes.byteLength > 0) bytes[from! % bytes.byteLength]! ^= 1 << Math.floor(random() * 8);
    if (kind === 'noise') seededBytes(to! - from!, random()).copy(bytes, from);
    if (kind === 'zero tail') bytes.fill(0, from);
    if (kind === 'remove') rmSync(path);
    else if (kind === 'truncate') truncateSync(path, from);
    else if (kind === 'empty') truncateSync(path, 0);
    else writeFileSync(path, kind === 'append' ? Buffer.concat([bytes, seededBytes(70_000, 1)]) : bytes);
    return `${kind} ${from}-${to} of ${path.split('/').at(-1)}`;
  }

  async function damageJournal(home: string): Promise<string> {
    const store = await Store.open(home);
    const { id } = source.manifest;
    const kind = pick(['all bits', 'no bits', 'noise', 'torn', 'of another', 'no row', 'torn manifest']);
    const set = (column: string, value: Uint8Array): void =>
      void store.db.run(`UPDATE downloads SET ${column} = ? WHERE id = ?`, value, id);
    if (kind === 'all bits') set('held', Buffer.alloc(3, 0xff));
    if (kind === 'no bits') set('held', Buffer.alloc(3));
    if (kind === 'noise') set('held', seededBytes(3, random()));
    if (kind === 'torn') set('held', Buffer.alloc(1));
    if (kind === 'of another')
      store.db.run(
        `UPDATE downloads SET (held, held_check) = (SELECT held, held_check FROM downloads WHERE id <> ?) WHERE id = ?`,
        id,
        id,
      );
    if (kind === 'no row') store.journal.remove(id);
    if (kind === 'torn manifest') set('manifest', source.manifest.bytes.subarray(0, 40));
    await store.close();
    return `journal: ${kind}`;
  }

  it('fetches again only what is damaged, and never holds what is not right', async () => {
    const files = [
      'adapter_model.safetensors',
      'adapter_model.safetensors',
      'adapter_config.json',
      'chunks.bin',
      'manifest.bin',
    ];
    for (let round = 0; round < 120; round++) {
      const home = join(folder, `round-${round}`);
      cpSync(join(folder, 'template'), home, { recursive: true });
      const partialFolder = join(home, 'partial', source.manifest.id);
      const what = [`round ${round}`];
      if (random() < 0.4) what.push(await damageJournal(home));
      for (const name of new Set([pick(files), pick(files)])) what.push(damageFile(join(partialFolder, name)));
      const intact = intactChunks(partialFolder, source);

      const store = await Store.open(home);
      const isFound = store.journal.get(source.manifest.id) !== undefined;
      const partial = await PartialPackage.open(store, source.manifest);
      addAllHashes(partial, source);

      // Without row and manifest nobody knows what the folder is, so it is not kept.
      const expected = isFound ? [...held].filter((chunk) => intact.has(chunk)) : [];
      const actual = Array.from({ length: partial.map.chunks }, (_, i) => i).filter((i) => partial.held.has(i));
      assert.deepEqual(actual, expected, what.join(', '));
      assert.equal(partial.resumedBytes, partial.bytesDone, what.join(', '));
      await checkHeld(partial, source, what.join(', '));
      for (let next = partial.nextMissing(); next !== undefined; next = partial.nextMissing(next))
        partial.write(next, bytesOf(source, next, 1));
      const item = await partial.finish();
      assert.deepEqual(readFileSync(item.weightsPath), source.contents[0], what.join(', '));
      await store.close();
      checkLibrary(home, what.join(', '));
      rmSync(home, { recursive: true });
    }
  }).timeout(60_000);
});

describe('a download, when the disk fails', () => {
  let source: TestPackage;
  before(async () => {
    source = await wantedPackage();
  });

  const errors: Record<string, string> = {
    ENOSPC: 'STORE_FULL',
    EDQUOT: 'STORE_FULL',
    EIO: 'STORE_FAILED',
    EMFILE: 'STORE_FAILED',
    EACCES: 'STORE_READ_ONLY',
    EROFS: 'STORE_READ_ONLY',
  };

  /** What SQLite says when its own file fails so. */
  const sqlError = (errno: string): object => ({
    code: 'ERR_SQLITE_ERROR',
    errcode: { ENOSPC: 13, EDQUOT: 13, EIO: 10, EMFILE: 10, EACCES: 8, EROFS: 8 }[errno],
  });

  async function downloadOnce(store: Store): Promise<void> {
    const partial = await PartialPackage.open(store, source.manifest);
    try {
      addAllHashes(partial, source);
      for (let next = partial.nextMissing(); next !== undefined; next = partial.nextMissing(next)) {
        partial.write(next, bytesOf(source, next, 1));
        if (next % 4 === 0) await partial.flush();
      }
      await partial.finish();
    } finally {
      await partial.close();
    }
  }

  it('says so by code, whichever call fails, and goes on when the disk is well again', () =>
    withTempFolder(async (folder) => {
      const openFiles = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
      const before = openFiles();
      let failed = 0;
      for (let at = 1; ; at++) {
        const [errno, code] = Object.entries(errors)[at % 6]!;
        const home = join(folder, String(at));
        const store = await Store.open(home);
        const armed = await armFaults({
          at,
          strike: (call, tear) => {
            tear();
            const isSql = call === 'run' || call === 'exec';
            throw Object.assign(new Error(`${errno}: ${call}`), isSql ? sqlError(errno) : { code: errno });
          },
        });
        const failure = await downloadOnce(store).then(
          () => undefined,
          (error: unknown) => error as Error & { code?: string },
        );
        armed.disarm();
        if (armed.calls < at) {
          assert.equal(failure, undefined);
          await store.close();
          break;
        }
        // A failing clean-up behind the last rename costs nothing: the package is in the library.
        if (failure) assert.equal(failure.code, code, `call ${at}: ${String(failure)}`);
        else assert.ok(store.library.get(source.manifest.id), `call ${at} was swallowed`);
        failed++;
        checkLibrary(home, `call ${at}`);

        if (failure) await downloadOnce(store);
        await store.close();
        assert.equal(openFiles(), before, `call ${at} left a file open`);

        checkLibrary(home, `call ${at}, again`);
        assert.deepEqual(readdirSync(join(home, 'library')), [source.manifest.id], `call ${at}`);
        assert.deepEqual(readdirSync(join(home, 'partial')), [], `call ${at}`);
        rmSync(home, { recursive: true });
      }
      assert.ok(failed > 30, `${failed} calls`);
    })).timeout(60_000);

  it('waits for space on a disk that is full, and keeps what it has', async function () {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) this.skip(); // Only root may mount a small disk.
    await withTempFolder(async (disk) => {
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', disk]).status !== 0) this.skip();
      try {
        const large = await makePackage({ weights: 8_000_000 });
        const fits = await makePackage({ weights: 3_200_000, card: 0 });
        const store = await Store.open(disk);

        await assert.rejects(PartialPackage.open(store, large.manifest), {
          code: 'STORE_FULL',
          message: /8\.0 MB .* [\d.]+ MB are free/,
        });
        assert.deepEqual(readdirSync(join(disk, 'partial')), [], 'nothing is begun that can not end');

        const partial = await PartialPackage.open(store, fits.manifest);
        addAllHashes(partial, fits);
        writeFileSync(join(disk, 'film'), Buffer.alloc(2_000_000));
        let next: number | undefined = 0;
        assert.throws(
          () => {
            for (; next !== undefined; next = partial.nextMissing(next)) partial.write(next, bytesOf(fits, next, 1));
          },
          { code: 'STORE_FULL' },
        );
        const { bytesDone } = partial;
        await partial.close();
        rmSync(join(disk, 'film'));

        const again = await PartialPackage.open(store, fits.manifest);
        assert.ok(again.resumedBytes >= bytesDone && bytesDone > 0);
        for (next = again.nextMissing(); next !== undefined; next = again.nextMissing(next))
          again.write(next, bytesOf(fits, next, 1));
        await again.finish();
        await store.close();
        checkLibrary(disk, 'small disk');
      } finally {
        spawnSync('umount', [disk]);
      }
    });
  });
});

/** Nothing under a final name may differ from its manifest. */
function checkLibrary(home: string, what: string): void {
  let ids: string[] = [];
  try {
    ids = readdirSync(join(home, 'library'));
  } catch {
    return; // Killed before it was made.
  }
  for (const id of ids) {
    const manifest = parseManifest(readFileSync(join(home, 'library', id, 'manifest.bin')));
    assert.equal(manifest.id, id, what);
    for (const { role, sha256 } of manifest.files) {
      const bytes = readFileSync(join(home, 'library', id, FILE_ROLES[role].name));
      assert.ok(createHash('sha256').update(bytes).digest().equals(sha256), `${what}: ${FILE_ROLES[role].name}`);
    }
  }
}

async function checkHeld(partial: PartialPackage, source: TestPackage, what: string): Promise<void> {
  for (let i = 0; i < partial.map.chunks; i++)
    if (partial.held.has(i)) assert.deepEqual(await partial.read(i, 1), bytesOf(source, i, 1), `${what}: chunk ${i}`);
}

/** Chunks whose right bytes are in the files. */
function intactChunks(folder: string, { manifest, contents }: TestPackage): Set<number> {
  const intact = new Set<number>();
  let chunk = 0;
  manifest.files.forEach(({ role, size }, file) => {
    let bytes = Buffer.alloc(0);
    try {
      bytes = readFileSync(join(folder, FILE_ROLES[role].name));
    } catch {
      // Removed.
    }
    for (let at = 0; at < size; at += CHUNK_BYTES, chunk++) {
      const end = Math.min(at + CHUNK_BYTES, size);
      if (bytes.byteLength >= end && bytes.subarray(at, end).equals(contents[file]!.subarray(at, end)))
        intact.add(chunk);
    }
  });
  return intact;
}
