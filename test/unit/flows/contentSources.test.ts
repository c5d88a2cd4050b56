import assert from 'node:assert/strict';
import { Emitter } from '../../../src/engine/events';
import { ContentSources } from '../../../src/engine/flows/contentSources';
import type { TransferChannel } from '../../../src/engine/net/transferChannel';
import { Catalog } from '../../../src/engine/registry/catalog';
import type { RoomKind } from '../../../src/engine/state';
import { FakeLink } from '../../helpers/fakeLink';
import { makeRelease } from '../../helpers/packages';

const ID = 'a'.repeat(64);
const RELEASE = makeRelease(ID);
const [ANA, BEN, CLEO] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string];

describe('ContentSources', () => {
  it('ranks those of this network first, then those of private rooms', () => {
    const { catalog, connect, sources } = make();
    connect(ANA).isLan = true;
    for (const key of [BEN, CLEO]) connect(key);
    catalog.applySnapshot('lab', BEN, [RELEASE]);
    for (const key of [ANA, BEN, CLEO]) catalog.applySnapshot('general', key, [RELEASE]);

    const ranks = sources()
      .current()
      .map((link) => [link.peerKey, sources().rankOf(link)] as const);

    assert.deepEqual(Object.fromEntries(ranks), { [ANA]: 0, [BEN]: 1, [CLEO]: 2 });
  });

  it('names one link of a peer: the lane while it is there', () => {
    const { catalog, connect, linked, sources } = make();
    const room = connect(ANA);
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    const all = sources();
    const added: TransferChannel[] = [];
    all.onDidAdd((link) => added.push(link));

    const lane = connect(ANA);
    lane.isLane = true;
    linked.fire(lane);
    const during = all.current();
    connect(ANA, room);

    assert.deepEqual([added, during, all.current()], [[lane], [lane], [room]]);
  });

  it('tells again of one who took it back and offers it anew', () => {
    const { catalog, connect, sources } = make();
    const link = connect(ANA);
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    const all = sources();
    const added: TransferChannel[] = [];
    all.onDidAdd((each) => added.push(each));

    catalog.applyDelta('lab', ANA, { add: [], remove: [ID] });
    all.current();
    catalog.applyDelta('lab', ANA, { add: [RELEASE], remove: [] });
    all.current();

    assert.deepEqual(added, [link]);
  });

  it('counts who offers it where it may be fetched from, connected or not', () => {
    const { catalog, connect, sources } = make();
    connect(ANA);
    catalog.applySnapshot('lab', ANA, [RELEASE]);
    catalog.applySnapshot('lab', BEN, [RELEASE]);
    catalog.applySnapshot('general', CLEO, [RELEASE]);

    assert.deepEqual([sources().peers, sources(['lab']).peers, sources(['lab']).current().length], [3, 2, 1]);
  });
});

function make() {
  const catalog = new Catalog();
  const links = new Map<string, FakeLink>();
  const linked = new Emitter<TransferChannel>();
  const peerOf = (key: string) => {
    const link = links.get(key);
    return link && { transfer: link };
  };
  const rooms = {
    peers: { get: peerOf },
    kindOf: (room: string): RoomKind => (room === 'general' ? 'general' : 'private'),
  };
  const connect = (key: string, link = new FakeLink(key)): FakeLink => {
    links.set(key, link);
    return link;
  };
  const sources = (roomIds: readonly string[] = []): ContentSources =>
    new ContentSources({ catalog, rooms, onDidLink: linked.event }, ID, roomIds);
  return { catalog, connect, linked, sources };
}
