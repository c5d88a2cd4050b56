import assert from 'node:assert/strict';
import { readBeacon, unseal, writeOpenBeacon, writeSealedBeacon } from '../../../src/engine/net/lan/lanPackets';
import { localKeys, privateKeys } from '../../../src/engine/net/roomKeys';
import { damaged } from '../bytes';
import type { Random } from '../random';
import type { Target } from '../target';

const ROOM = privateKeys(Buffer.alloc(16, 5));
const KEY = Buffer.alloc(32, 6);
const ADDRESS = '192.168.7.7';

/** Packets of the local network, which anybody sends. */
export const beacons: Target = {
  name: 'beacons',
  open: () => ({
    make: (random) => (random.isOneIn(6) ? sound(random) : damaged(sound(random), random)),
    take: (input) => {
      const beacon = readBeacon(Buffer.from(input));
      if (!beacon) return 'refused';
      assert.ok(beacon.port > 0);
      if (beacon.kind === 'open') {
        assert.deepEqual(writeOpenBeacon(beacon.key, beacon.port), Buffer.from(input));
        return 'accepted';
      }
      // Only who has the secret reads it, and a changed packet never names the key of somebody else.
      assert.equal(unseal(beacon, ADDRESS, localKeys()), undefined);
      const key = unseal(beacon, ADDRESS, ROOM);
      assert.ok(key === undefined || key.byteLength === 32);
      return 'accepted';
    },
  }),
};

/** What is random in it comes from the seed too. */
function sound(random: Random): Buffer {
  const port = 1 + random.below(65_535);
  if (random.isOneIn(2)) return writeOpenBeacon(KEY, port);
  const nonce = Buffer.from(Array.from({ length: 16 }, () => random.below(256)));
  // Sixteen rooms leave no place for noise, which would be another at each run.
  return writeSealedBeacon(
    KEY,
    { nonce, address: ADDRESS, port },
    Array.from({ length: 16 }, () => ROOM),
  );
}
