import assert from 'node:assert/strict';
import {
  SEALED_ENTRIES,
  readBeacon,
  unseal,
  writeOpenBeacon,
  writeSealedBeacon,
  type SealedBeacon,
} from '../../../../src/engine/net/lan/lanPackets';
import { privateKeys } from '../../../../src/engine/net/roomKeys';

describe('beacon packets', () => {
  const key = Buffer.alloc(32, 7);
  const place = { nonce: Buffer.alloc(16, 3), address: '192.168.1.20', port: 49_737 };
  const [lab, team, other] = [1, 2, 3].map((seed) => privateKeys(Buffer.alloc(16, seed))) as [
    ReturnType<typeof privateKeys>,
    ReturnType<typeof privateKeys>,
    ReturnType<typeof privateKeys>,
  ];
  const sealed = (packet: Buffer): SealedBeacon => {
    const beacon = readBeacon(packet);
    assert.equal(beacon?.kind, 'sealed');
    return beacon;
  };

  it('an open one says key and port to everybody', () => {
    assert.deepEqual(readBeacon(writeOpenBeacon(key, 50_000)), { kind: 'open', key, port: 50_000 });
  });

  it('a sealed one says the key to members of its rooms only', () => {
    const beacon = sealed(writeSealedBeacon(key, place, [lab, team]));

    assert.deepEqual(unseal(beacon, place.address, lab), key);
    assert.deepEqual(unseal(beacon, place.address, team), key);
    assert.equal(unseal(beacon, place.address, other), undefined);
  });

  it('a sealed one opens for nobody when it comes from another address or names another port', () => {
    const beacon = sealed(writeSealedBeacon(key, place, [lab]));

    assert.equal(unseal(beacon, '192.168.1.66', lab), undefined);
    assert.equal(unseal({ ...beacon, port: 50_001 }, place.address, lab), undefined);
  });

  it('a sealed one looks the same for no room, one room and many', () => {
    const packets = [[], [lab], [lab, team, other]].map((rooms) => writeSealedBeacon(key, place, rooms));

    assert.deepEqual([...new Set(packets.map(({ length }) => length))], [790]);
    for (const packet of packets) assert.equal(packet.includes(key), false);
    for (const packet of packets) {
      const entries = sealed(packet).entries.map((entry) => entry.toString('hex'));
      assert.equal(new Set(entries).size, SEALED_ENTRIES);
    }
  });

  it('two sealed ones of one sender have nothing in common but what is in clear', () => {
    const [first, second] = [1, 2].map((nonce) =>
      sealed(writeSealedBeacon(key, { ...place, nonce: Buffer.alloc(16, nonce) }, [lab, team])),
    ) as [SealedBeacon, SealedBeacon];

    const chunks = (beacon: SealedBeacon): string[] =>
      beacon.entries.flatMap((entry) => [entry.toString('hex', 0, 16), entry.toString('hex', 16)]);
    const seen = new Set(chunks(first));
    assert.deepEqual(
      chunks(second).filter((chunk) => seen.has(chunk)),
      [],
    );
  });

  it('entries of rooms stand at any place', () => {
    const places = new Set<number>();
    for (let i = 0; i < 400; i++) {
      const beacon = sealed(writeSealedBeacon(key, place, [lab]));
      places.add(
        beacon.entries.findIndex((entry) => unseal({ ...beacon, entries: [entry] }, place.address, lab) !== undefined),
      );
    }

    assert.equal(places.size, SEALED_ENTRIES);
  });

  it('takes the first rooms that fit, and loses none of them', () => {
    const rooms = Array.from({ length: 20 }, (_, i) => privateKeys(Buffer.alloc(16, i + 10)));

    const beacon = sealed(writeSealedBeacon(key, place, rooms));

    assert.equal(rooms.filter((room) => unseal(beacon, place.address, room) !== undefined).length, SEALED_ENTRIES);
  });

  it('anything else is no beacon', () => {
    const good = writeSealedBeacon(key, place, [lab]);
    const bad = [
      Buffer.alloc(0),
      Buffer.alloc(38),
      Buffer.alloc(790),
      good.subarray(1),
      Buffer.concat([good, Buffer.alloc(1)]),
      writeOpenBeacon(key, 0),
      writeSealedBeacon(key, { ...place, port: 0 }, [lab]),
      writeOpenBeacon(key, 1).subarray(0, 37),
    ];

    for (const packet of bad) assert.equal(readBeacon(packet), undefined);
  });
});
