export interface Edit {
  /** Below `src/engine`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A guard that is taken out of a copy of the source, and the points that have to notice. */
export interface Mutant {
  /** What the program does without it. */
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly fault: string;
  /** Which points of the full run; absent: the sample of the fault. */
  readonly only?: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'gives the final name before the bytes are there',
    edits: [
      {
        file: 'store/partialPackage.ts',
        from: "const folder = store.paths.package('partial', manifest.id);",
        to: "const folder = store.paths.package('library', manifest.id);",
      },
      {
        file: 'store/library.ts',
        from: 'const there = statOfOurs(target);',
        to: 'const there = folder === target ? undefined : statOfOurs(target);',
      },
      {
        file: 'store/library.ts',
        from: 'else await this.#move(folder, target);',
        to: 'else if (folder !== target) await this.#move(folder, target);',
      },
    ],
    fault: 'R01',
  },
  {
    name: 'leaves the key of an unfinished identity',
    edits: [
      {
        file: 'store/identity.ts',
        from: 'if (name.startsWith(`${NAME}.`)',
        to: "if (name.startsWith('nothing')",
      },
    ],
    fault: 'R01',
    only: 'first start, killed in call (1\\d|2\\d)$',
  },
  {
    name: 'forgets an unfinished download at the start',
    edits: [
      {
        file: 'store/recover.ts',
        from: 'if (library.get(id) || !(facts ?? journal.get(id))) await removeFolder(folder);',
        to: "if (id !== '') await removeFolder(folder);",
      },
    ],
    fault: 'R01',
  },
  {
    name: 'takes a database that can only be read',
    edits: [
      {
        file: 'store/database.ts',
        from: "    db.exec('DELETE FROM settings WHERE 0');\n",
        to: '',
      },
    ],
    fault: 'R02',
    only: 'EACCES in openat 2 of engine\\.db$',
  },
  {
    name: 'keeps a package open that could not be finished',
    edits: [
      {
        file: 'flows/downloadRun.ts',
        from: 'await (isWorthless ? this.#partial.discard() : this.#partial.close());',
        to: 'if (isWorthless) await this.#partial.discard();',
      },
    ],
    fault: 'R02',
    only: 'EIO in fsync 1 of partial/\\w+/adapter_model',
  },
  {
    name: 'fetches again what was moved before the database failed',
    edits: [
      {
        file: 'store/library.ts',
        from: 'this.#items.set(id, item); // Whether the database can be written or not.',
        to: '',
      },
      {
        file: 'store/library.ts',
        from: 'if (!this.#items.has(id)) await this.load(id).catch(() => undefined);',
        to: '',
      },
    ],
    fault: 'R02',
    only: 'EIO in (pwrite64|fsync) (\\d+) of engine\\.db-wal',
  },
  {
    name: 'does not look whether there is space again',
    edits: [
      {
        file: 'flows/spaceWait.ts',
        from: '    this.parts.onSpace();\n',
        to: '',
      },
    ],
    fault: 'R03',
  },
  {
    name: 'begins what the disk can not hold',
    edits: [
      {
        file: 'store/space.ts',
        from: 'if (neededBytes + reserve <= free) return;',
        to: 'if (neededBytes >= 0) return;',
      },
    ],
    fault: 'R03',
    only: 'too small',
  },
  {
    name: 'needs a library that nobody removed',
    edits: [
      {
        file: 'store/library.ts',
        from: "    await makeFolder(this.parts.paths.area('library'));\n",
        to: '',
      },
    ],
    fault: 'R04',
    only: 'library removed',
  },
  {
    name: 'keeps all that was fetched in memory',
    edits: [
      {
        file: 'transfer/chunkWork.ts',
        from: '    const fresh = this.#writeFresh(range, bytes);\n    this.refetchedBytes',
        to: '    ((globalThis as unknown as { all: unknown[] }).all ??= []).push(Buffer.from(bytes));\n    const fresh = this.#writeFresh(range, bytes);\n    this.refetchedBytes',
      },
    ],
    fault: 'R05',
    only: 'round 0',
  },
  {
    name: 'believes that what is on disk is right',
    edits: [
      {
        file: 'store/partialPackage.ts',
        from: 'if (found.compare(this.#sums.bytes, chunk * 32, chunk * 32 + 32, i * 32, i * 32 + 32) !== 0) continue;',
        to: '',
      },
    ],
    fault: 'R06',
  },
  {
    name: 'begins anew instead of keeping right chunks',
    edits: [
      {
        file: 'store/partialPackage.ts',
        from: 'if (found.compare(this.#sums.bytes, chunk * 32, chunk * 32 + 32, i * 32, i * 32 + 32) !== 0) continue;',
        to: 'if (chunk >= 0) continue;',
      },
    ],
    fault: 'R06',
  },
  {
    name: 'enters chunks in the journal before they are synced',
    edits: [
      {
        file: 'store/journalWriter.ts',
        from: '      await this.parts.files.sync();\n      if (entry === this.#entry) this.parts.journal.commit(this.parts.id, held);',
        to: '      if (entry === this.#entry) this.parts.journal.commit(this.parts.id, held);\n      await this.parts.files.sync();',
      },
    ],
    fault: 'R06',
    only: 'power cut',
  },
  {
    name: 'never waits for a slow disk',
    edits: [
      {
        file: 'store/journalWriter.ts',
        from: 'if (this.#unsafeBytes + this.#syncingBytes > MAX_UNSYNCED_BYTES) this.#flushNow();\n    else if (this.#unsafeBytes >= JOURNAL_BYTES && this.#syncingBytes === 0) this.#flushInBackground();\n    else',
        to: '',
      },
      {
        file: 'store/journalWriter.ts',
        from: 'return Math.max(0, MAX_UNSYNCED_BYTES - this.#unsafeBytes - this.#syncingBytes);',
        to: 'return Infinity;',
      },
    ],
    fault: 'R06',
    only: 'power cut',
  },
  {
    name: 'moves a package into the library that is not synced',
    edits: [
      {
        file: 'store/partialFiles.ts',
        from: '    await this.#syncAll((handle) => handle.sync());\n',
        to: '',
      },
    ],
    fault: 'R06',
    only: 'power cut',
  },
  {
    name: 'sends what it has read without a look at it',
    edits: [
      {
        file: 'store/folderSource.ts',
        from: 'if (firstBadChunk(this.#hashes, start, part) !== undefined) throw this.#changed(file);',
        to: '',
      },
    ],
    fault: 'R07',
    only: 'time of before',
  },
  {
    name: 'takes a file for changed because its time is another one',
    edits: [
      {
        file: 'store/sharedStore.ts',
        from: 'const isSame = stat.isFile() &&',
        to: 'const isSame = stat.mtimeMs === record.seenMtimeMs &&',
      },
    ],
    fault: 'R07',
  },
  {
    name: 'waits for peers that are silent',
    edits: [
      {
        file: 'transfer/deadlines.ts',
        from: "  if (source.phase === 'refused') return",
        to: "  if (now > 0) return 'fine';\n  if (source.phase === 'refused') return",
      },
      {
        file: 'transfer/requestPump.ts',
        from: 'wanted.picker.next(source, max) ?? this.#duplicate(wanted, source, max)',
        to: 'wanted.picker.next(source, max)',
      },
    ],
    fault: 'R08',
    only: 'room: killed',
  },
  {
    name: 'waits for peers that stand still',
    edits: [
      {
        file: 'transfer/deadlines.ts',
        from: "  if (source.phase === 'refused') return",
        to: "  if (now > 0) return 'fine';\n  if (source.phase === 'refused') return",
      },
      {
        file: 'transfer/requestPump.ts',
        from: 'wanted.picker.next(source, max) ?? this.#duplicate(wanted, source, max)',
        to: 'wanted.picker.next(source, max)',
      },
    ],
    fault: 'R09',
    only: 'room: the disk of one',
  },
  {
    name: 'hears of nobody who comes back',
    edits: [
      {
        file: 'flows/contentSources.ts',
        from: '    this.#told = new Set(links);\n    for (const link of fresh) this.#added.fire(link);',
        to: '    void fresh;',
      },
      {
        file: 'flows/contentSources.ts',
        from: 'return this.#links();\n  }\n\n  rankOf',
        to: 'return this.#links().filter((link) => this.#told.has(link));\n  }\n\n  rankOf',
      },
    ],
    fault: 'R13',
  },
  {
    name: 'measures time by the clock of the user',
    edits: [
      {
        file: 'transfer/clock.ts',
        from: 'now: () => performance.now(),',
        to: 'now: () => Date.now(),',
      },
    ],
    fault: 'R14',
  },
  {
    name: 'ends a transfer for all when one gives up',
    edits: [
      {
        file: 'flows/downloads.ts',
        from: 'if (--download.askers > 0 || download.isEnding) return;',
        to: 'if (download.isEnding) return;',
      },
    ],
    fault: 'R15',
  },
  {
    name: 'fetches for each who asks',
    edits: [
      {
        file: 'flows/downloads.ts',
        from: 'const download = this.#downloads.get(request.id);\n      if (download?.isEnding)',
        to: 'const download = this.#downloads.get(request.id + "?");\n      if (download?.isEnding)',
      },
    ],
    fault: 'R15',
  },
];
