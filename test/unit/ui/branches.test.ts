import assert from 'node:assert/strict';
import type { OllamaAdapterState } from '../../../src/engine/deployWishes';
import type { EngineState } from '../../../src/engine/state';
import { changedBranches, indexBranches, spokenLabel, type Branch } from '../../../src/ui/views/branch';
import { libraryBranches, NO_FINDS } from '../../../src/ui/views/libraryBranches';
import { OfferPages } from '../../../src/ui/views/offerPages';
import { offerBranches, roomBranches } from '../../../src/ui/views/roomBranches';
import { openTransfers, transferBranches } from '../../../src/ui/views/transferBranches';
import { parseTransferElement } from '../../../src/ui/targets';
import { adapter, entry, idOf, peer, room, stateWith, transfer } from './states';

const HOSTILE = '$(zap) [ok](command:workbench.action.terminal.new)\u202e\n# <b>';

const labels = (branches: readonly Branch[]): string[] => branches.map(({ label }) => label);
const childrenOf = (branch: Branch | undefined): readonly Branch[] => {
  assert.ok(Array.isArray(branch?.children));
  return branch.children as readonly Branch[];
};

const inModel = (target: string, model: string, isOurs = false): OllamaAdapterState => ({
  target,
  model,
  digest: `sha256:${'0'.repeat(64)}`,
  base: 'llama3.2:latest',
  isOurs,
});

describe('rooms tree', () => {
  it('lists the public rooms first, then private ones by name', () => {
    const rooms = [
      room({ id: '2222222222222222', kind: 'private', label: 'lab' }),
      room({ id: 'local' }),
      room({ id: '1111111111111111', kind: 'private', label: 'art' }),
      room({ id: 'general', kind: 'general' }),
    ];

    assert.deepEqual(labels(roomBranches(stateWith({ rooms }))), ['General', 'Local network', 'art', 'lab']);
  });

  it('says peers and adapters of a room, or why there are none', () => {
    const rooms = [
      room({ id: 'general', kind: 'general', peers: 4, adapters: 12 }),
      room({ id: 'local', peers: 1 }),
      room({ id: '1111111111111111', kind: 'private', label: 'lab', phase: 'offline' }),
    ];

    const branches = roomBranches(stateWith({ rooms }));

    assert.deepEqual(
      branches.map(({ description }) => description),
      ['4 connected · 12 adapters', '1 peer', 'offline'],
    );
    assert.equal(spokenLabel(branches[0]!), 'General, 4 connected · 12 adapters');
  });

  it('leads to all that the general room offers, also from those who are only heard of', () => {
    const rooms = [room({ id: 'general', kind: 'general', peers: 1, adapters: 240 }), room({ adapters: 1 })];
    const state = stateWith({ rooms, peers: [peer({ rooms: ['general', 'local'] })] });

    const [general, local] = roomBranches(state);

    const [all] = childrenOf(general);
    assert.deepEqual([all?.label, all?.description], ['All adapters of the room', '240']);
    assert.deepEqual(all?.command, { id: 'loraSwarm.explore', argument: 'room:general' });
    assert.match(all.tooltip, /not connected to/);
    assert.deepEqual(labels(childrenOf(local)), ['ana · aaaa…aa']);
  });

  it('says in the tooltip of every room who gets in and what others see there', () => {
    const rooms = [
      room({ id: 'general', kind: 'general' }),
      room(),
      room({ id: '1111111111111111', kind: 'private', label: 'lab' }),
    ];
    const me = { key: idOf('c'), fingerprint: '', name: 'bo' };

    const tooltips = roomBranches(stateWith({ rooms, identity: me })).map(({ tooltip }) => tooltip);

    for (const [index, who] of [
      /anyone can join/,
      /Everyone on the same network/,
      /people with the invite/,
    ].entries()) {
      assert.match(tooltips[index]!, who);
      assert.match(tooltips[index]!, /public key \(bo · cccc…cc\), your IP address, and the names of the adapters/);
    }
  });

  it('says of a room that is closed to me why, and is not offline for that', () => {
    const ended = (['removed', 'moved', 'revoked', 'over'] as const).map((reason) =>
      room({ id: '1111111111111111', kind: 'private', label: 'lab', phase: 'offline', ended: reason }),
    );

    const rows = ended.map((each) => roomBranches(stateWith({ rooms: [each] }))[0]!);

    assert.deepEqual(
      rows.map(({ description }) => description),
      ['you were removed', 'moved to another key', 'key revoked', 'over'],
    );
    assert.match(rows[0]!.tooltip, /You were removed from this room\. What you have of it stays with you/);
    assert.doesNotMatch(rows[0]!.tooltip, /offline/);
  });

  it('counts for a peer what it offers in this room, not elsewhere', () => {
    const both = peer({ rooms: ['general', 'local'], adapters: 5, adaptersIn: { general: 5 } });
    const state = stateWith({ rooms: [room({ id: 'general', kind: 'general' }), room()], peers: [both] });

    const [general, local] = roomBranches(state);

    const [there, here] = [childrenOf(general)[0], childrenOf(local)[0]];
    assert.deepEqual([there?.description, there?.children], ['5 adapters', 'later']);
    assert.deepEqual([here?.description, here?.children], ['no adapters', undefined]);
  });

  it('puts a peer into each room it is in, mine first', () => {
    const state = stateWith({
      rooms: [room({ id: 'general', kind: 'general' }), room()],
      peers: [peer({ key: idOf('b'), name: 'rui', rooms: ['local', 'general'] }), peer()],
      shared: [{ ...adapter(), rooms: ['local'], path: '/a', holders: 0, phase: 'serving' }],
    });

    const [general, local] = roomBranches(state);

    assert.deepEqual(labels(childrenOf(general)), ['rui · bbbb…bb']);
    assert.deepEqual(labels(childrenOf(local)), ['You', 'ana · aaaa…aa', 'rui · bbbb…bb']);
  });

  it('offers to remove members only in a private room where I am an admin', () => {
    const own = room({ id: '1111111111111111', kind: 'private', isAdmin: true });
    const other = room({ id: '2222222222222222', kind: 'private' });
    const state = stateWith({ rooms: [own, other], peers: [peer({ rooms: [own.id, other.id] })] });

    const contexts = roomBranches(state).map((branch) => [branch.context, childrenOf(branch)[0]?.context]);

    assert.deepEqual(contexts, [
      ['room.private.owner', 'peer.removable'],
      ['room.private.member', 'peer'],
    ]);
  });

  it('shows my own name for a peer, and a badge when I know that the key is right', () => {
    const shown = room({ id: '1111111111111111', kind: 'private', isUnmet: true });
    const known = peer({ rooms: [shown.id], petname: 'Ana of the lab', isVerified: true });

    const [branch] = roomBranches(stateWith({ rooms: [shown], peers: [known] }));

    const [row] = childrenOf(branch);
    assert.deepEqual([row?.label, row?.icon], ['Ana of the lab · aaaa…aa', 'verified']);
    assert.equal(spokenLabel(row!), 'Ana of the lab · aaaa…aa, verified, 1 adapter');
    assert.match(row!.tooltip, /Verified/);
    assert.match(branch!.tooltip, /Nobody of this room was met yet/);
  });

  it('shows what fits a base that is here first, then by name', () => {
    const entries = [
      entry({ id: idOf('1'), name: 'z/unfit', verdict: { verdict: 'unfit', reason: '' } }),
      entry({ id: idOf('2'), name: 'b/away', verdict: { verdict: 'base-missing', reason: '' } }),
      entry({ id: idOf('3'), name: 'b/exact', verdict: { verdict: 'exact', reason: '', base: 'llama3.2:latest' } }),
      entry({ id: idOf('4'), name: 'a/exact', verdict: { verdict: 'exact', reason: '', base: 'llama3.2:latest' } }),
      entry({ id: idOf('5'), name: 'a/unknown' }),
    ];

    const branches = offerBranches('local', idOf('a'), entries);

    assert.deepEqual(labels(branches), ['a/exact', 'b/exact', 'a/unknown', 'b/away', 'z/unfit']);
    assert.equal(branches[0]!.description, 'fits llama3.2 · r16 · 24.3 MB');
    assert.equal(branches[3]!.description, 'needs Llama-3.2-3B · r16 · 24.3 MB');
  });

  it('warns of what a revoked key signed, before anything else is said of it', () => {
    const [offer] = offerBranches('local', idOf('a'), [entry({ isRevoked: true, isDownloaded: true })]);
    const state = stateWith({
      library: [{ ...adapter({ isRevoked: true }), path: '/x', models: ['p2p-sql'], addedAt: 0 }],
    });
    const [downloaded] = childrenOf(libraryBranches(state, NO_FINDS)[0]);

    for (const branch of [offer, downloaded]) {
      assert.equal(branch?.icon, 'warning');
      assert.match(branch.description ?? '', /^revoked · /);
      assert.match(branch.tooltip, /counts no more/);
    }
  });

  it('leaves out what is unknown instead of making it up', () => {
    const { baseModel: _base, rank: _rank, alpha: _alpha, ...unknown } = entry();

    const [branch] = offerBranches('local', idOf('a'), [unknown]);

    assert.equal(branch!.description, '24.3 MB');
    assert.doesNotMatch(branch!.tooltip, /Rank|Alpha|Base model|undefined/);
  });

  it('never draws an icon or a link that a peer wrote', () => {
    const state = stateWith({
      rooms: [room({ id: '1111111111111111', kind: 'private', label: HOSTILE })],
      peers: [peer({ name: HOSTILE, rooms: ['1111111111111111'] })],
      shared: [],
      library: [
        {
          ...adapter({ name: HOSTILE, license: HOSTILE, tags: [HOSTILE] }),
          path: HOSTILE,
          models: [HOSTILE],
          addedAt: 1,
        },
      ],
      transfers: [transfer({ name: HOSTILE, phase: 'failed', problem: { code: 'X', message: HOSTILE } })],
    });
    const offers = offerBranches('local', idOf('a'), [
      entry({ name: HOSTILE, baseModel: HOSTILE, verdict: { verdict: 'exact', reason: HOSTILE, base: HOSTILE } }),
    ]);

    const drawn = [...roomBranches(state), ...libraryBranches(state, NO_FINDS), ...transferBranches(state), ...offers];

    for (const branch of indexBranches(drawn).values())
      for (const text of [branch.label, branch.description ?? '', branch.tooltip]) {
        assert.doesNotMatch(text, /\$\(|\]\(|\u202e/, branch.id);
        if (text !== branch.tooltip) assert.doesNotMatch(text, /\n/, branch.id);
      }
  });
});

describe('library tree', () => {
  const ollama = { url: 'http://127.0.0.1:11434', isReachable: true };

  it('is empty when there is nothing, so that the welcome text shows', () => {
    assert.deepEqual(libraryBranches(stateWith({ ollama: { ...ollama, isReachable: false } }), NO_FINDS), []);
  });

  it('has a section for mine, for downloads and for finds', () => {
    const state = stateWith({
      ollama,
      rooms: [room({ id: 'general', kind: 'general' })],
      shared: [
        {
          ...adapter({ name: 'me/sql' }),
          rooms: ['general'],
          path: '/runs/sql/adapter_model.safetensors',
          holders: 3,
          phase: 'serving',
        },
      ],
      library: [{ ...adapter({ id: idOf('2') }), path: '/l', models: ['p2p-ana-sql-coder'], addedAt: 5 }],
    });
    const facts = { format: 'peft', bytes: 1e6 } as const;
    const finds = {
      folders: [
        { path: '/runs/sql', label: 'sql', ...facts },
        { path: '/runs/new', label: 'runs/new', ...facts },
      ],
      models: [
        inModel('ollama:p2p-ana-sql-coder', 'p2p-ana-sql-coder:latest', true),
        inModel('ollama:my-lora:latest', 'my-lora:latest'),
        inModel('ollama:my-lora:latest#2', 'my-lora:latest'),
      ],
    };

    const [shared, downloaded, found] = libraryBranches(state, finds);

    assert.equal(childrenOf(shared)[0]?.description, 'General · 3 peers have it');
    assert.equal(childrenOf(downloaded)[0]?.description, 'in Ollama as p2p-ana-sql-coder');
    assert.equal(childrenOf(downloaded)[0]?.context, 'downloaded.installed');
    // What is shared or was installed from the library is not found once more.
    assert.deepEqual(labels(childrenOf(found)), ['runs/new', 'Ollama: my-lora', 'Ollama: my-lora #2']);
    assert.equal(new Set(childrenOf(found).map(({ id }) => id)).size, 3);
  });

  it('says that a shared file has changed or gone', () => {
    const shared = (phase: EngineState['shared'][number]['phase'], id: string) => ({
      ...adapter({ id: idOf(id) }),
      rooms: ['general'],
      path: '/a',
      holders: 0,
      phase,
    });

    const [section] = libraryBranches(
      stateWith({ shared: [shared('changed', '1'), shared('missing', '2')] }),
      NO_FINDS,
    );

    const rows = childrenOf(section);
    assert.deepEqual(
      rows.map(({ description, icon }) => [description, icon]),
      [
        ['changed since it was shared', 'warning'],
        ['file is gone', 'warning'],
      ],
    );
  });

  it('names Ollama when it does not answer', () => {
    const state = stateWith({
      ollama: { ...ollama, isReachable: false },
      library: [{ ...adapter(), path: '/l', models: [], addedAt: 1 }],
    });

    const last = libraryBranches(state, NO_FINDS).at(-1);

    assert.equal(last?.context, 'ollama.down');
    assert.match(last.tooltip, /127\.0\.0\.1:11434/);
  });
});

describe('transfers tree', () => {
  it('says who is asked while nobody has given anything yet', () => {
    const running = { phase: 'running', sources: 0, rate: 0, bytesDone: 0 } as const;
    const said = [2, 1, 0].map(
      (peers) => transferBranches(stateWith({ transfers: [transfer({ ...running, peers })] }))[0]?.description,
    );

    assert.deepEqual(said, ['0 % · asking 2 sources', '0 % · asking 1 source', '0 % · starting']);
  });

  it('opens the page of a transfer, each way its own, however often it is drawn', () => {
    const transfers = [transfer(), transfer({ direction: 'upload' })];

    const branches = transferBranches(stateWith({ transfers }));

    assert.deepEqual(
      branches.map(({ command }) => command),
      [{ id: 'loraSwarm.openTransfer' }, { id: 'loraSwarm.openTransfer' }],
    );
    assert.deepEqual(
      branches.map((branch) => parseTransferElement(branch.id)),
      ['download', 'upload'].map((direction) => ({ direction, id: idOf('1') })),
    );
    for (const other of [undefined, 5, idOf('1'), `shared:${idOf('1')}`, `download:${idOf('1')}:x`, 'download:'])
      assert.equal(parseTransferElement(other), undefined);
  });

  it('says how far, how fast, from how many, how long', () => {
    const [branch] = transferBranches(stateWith({ transfers: [transfer()] }));

    assert.equal(branch!.description, '62 % · 18 MB/s · 3 sources · 12 s');
    assert.equal(branch!.context, 'down.running');
  });

  it('says why a download stands still', () => {
    const problem = { code: 'NO_SOURCES', message: 'Nobody offers it now.' };
    const transfers = [transfer({ phase: 'paused' }), transfer({ id: idOf('2'), phase: 'failed', problem })];

    assert.deepEqual(
      transferBranches(stateWith({ transfers })).map(({ description }) => description),
      ['62 % · paused', '62 % · Nobody offers it now.'],
    );
  });

  it('says whose turn is next, what is waited for, and what the system holds up', () => {
    const metered = { code: 'NETWORK_METERED', message: 'Paused: this network costs by the byte.' };
    const full = { code: 'STORE_FULL', message: 'This needs 15 MB on the disk, where 3 MB are free.' };
    const transfers = [
      transfer({ id: idOf('1'), phase: 'queued', place: 2, bytesDone: 0 }),
      transfer({ id: idOf('2'), phase: 'queued', place: 23 }),
      transfer({ id: idOf('3'), phase: 'waiting', peers: 0 }),
      transfer({ id: idOf('4'), phase: 'waiting', peers: 1 }),
      transfer({ id: idOf('5'), phase: 'waiting', peers: 12 }),
      transfer({ id: idOf('6'), phase: 'paused', problem: metered }),
      transfer({ id: idOf('7'), phase: 'paused', problem: full }),
      transfer({ id: idOf('8'), direction: 'upload', phase: 'paused', problem: metered }),
    ];

    const drawn = transferBranches(stateWith({ transfers }));

    assert.deepEqual(
      drawn.map(({ description, context }) => [description, context]),
      [
        ['in the queue · 2nd', 'down.queued'],
        ['62 % · in the queue · 23rd', 'down.queued'],
        ['62 % · waiting for a source', 'down.waiting'],
        ['62 % · waiting for 1 source', 'down.waiting'],
        ['62 % · waiting for 12 sources', 'down.waiting'],
        ['62 % · paused: metered network', 'down.held'],
        ['62 % · paused: the disk is full', 'down.paused'],
        ['paused: metered network', 'up.running'],
      ],
    );
    assert.match(drawn[6]!.tooltip, /needs 15 MB/);
  });

  it('keeps what is done or cancelled out, and uploads below downloads', () => {
    const state = stateWith({
      transfers: [
        transfer({ id: idOf('1'), phase: 'done' }),
        transfer({ id: idOf('2'), phase: 'cancelled' }),
        transfer({ id: idOf('3'), direction: 'upload', rate: 4e6, sources: 2 }),
        transfer({ id: idOf('4') }),
      ],
    });

    assert.equal(openTransfers(state).length, 2);
    assert.deepEqual(
      transferBranches(state).map(({ context }) => context),
      ['down.running', 'up.running'],
    );
    assert.equal(transferBranches(state)[1]!.description, '4 MB/s to 2 peers');
  });
});

describe('changedBranches', () => {
  const state = stateWith({ rooms: [room(), room({ id: 'general', kind: 'general' })], peers: [peer()] });

  it('names nothing when nothing that is drawn changed', () => {
    const later = { ...state, peers: [peer({ rttMs: 7 })], catalogRevision: 9 };

    // A round trip is only in the tooltip, which is part of the row.
    assert.deepEqual(changedBranches(roomBranches(state), roomBranches({ ...state, catalogRevision: 9 })), []);
    assert.deepEqual(changedBranches(roomBranches(state), roomBranches(later)), [`peer:local:${idOf('a')}`]);
  });

  it('makes another row of a peer that offers something now: the editor keeps one closed that was a leaf', () => {
    const [before, after] = [0, 1].map((adapters) =>
      roomBranches(stateWith({ ...state, peers: [peer({ adapters, adaptersIn: { local: adapters } })] })),
    );
    const idsOf = (rows: readonly Branch[] | undefined): string[] =>
      childrenOf(rows?.find(({ id }) => id === 'room:local')).map(({ id }) => id);

    assert.notDeepEqual(idsOf(before), idsOf(after));
    assert.deepEqual(changedBranches(before!, after!), ['room:local']);
  });

  it('names the one row that changed', () => {
    const later = { ...state, rooms: [room({ peers: 2 }), state.rooms[1]!] };

    assert.deepEqual(changedBranches(roomBranches(state), roomBranches(later)), ['room:local']);
  });

  it('names the parent of a row that came or went', () => {
    const later = { ...state, peers: [peer(), peer({ key: idOf('b'), name: 'rui' })] };

    assert.deepEqual(changedBranches(roomBranches(state), roomBranches(later)), ['room:local']);
    assert.deepEqual(changedBranches(roomBranches(later), roomBranches(state)), ['room:local']);
  });

  it('asks for everything when a top row came or went', () => {
    const later = { ...state, rooms: [room()] };

    assert.equal(changedBranches(roomBranches(state), roomBranches(later)), undefined);
  });
});

describe('OfferPages', () => {
  const parent = `peer:local:${idOf('a')}`;

  /** Answers `list` as an engine with this many adapters of one peer. */
  function pagesOf(total: number): { pages: OfferPages; asked: unknown[] } {
    const asked: unknown[] = [];
    const all = Array.from({ length: total }, (_, index) =>
      entry({ id: index.toString(16).padStart(64, '0'), name: `ana/a${String(index).padStart(4, '0')}` }),
    );
    const wish = (_name: string, params: { offset: number; limit: number }): Promise<unknown> => {
      asked.push(params);
      return Promise.resolve({ adapters: all.slice(params.offset, params.offset + params.limit), total });
    };
    return { pages: new OfferPages({ wish } as unknown as ConstructorParameters<typeof OfferPages>[0]), asked };
  }

  it('asks for what one peer offers in one room', async () => {
    const { pages, asked } = pagesOf(3);

    const branches = await pages.read(parent);

    assert.equal(branches.length, 3);
    assert.deepEqual(asked, [{ room: 'local', peer: idOf('a'), offset: 0, limit: 200 }]);
  });

  it('ends a page of 200 with a row that shows more', async () => {
    const { pages } = pagesOf(450);

    const first = await pages.read(parent);
    pages.more(parent);
    const second = await pages.read(parent);
    pages.more(parent);
    const third = await pages.read(parent);

    assert.deepEqual([first.length, first.at(-1)?.description], [201, '250 left']);
    assert.deepEqual([second.length, second.at(-1)?.description], [401, '50 left']);
    assert.deepEqual([third.length, third.at(-1)?.context], [450, 'offer.new']);
    assert.equal(new Set(third.map(({ id }) => id)).size, 450);
  });
});
