import assert from 'node:assert/strict';
import { LanSightings } from '../../../../src/engine/net/lan/lanSightings';

describe('what beacons named', () => {
  const key = (n: number): Buffer => {
    const bytes = Buffer.alloc(32);
    bytes.writeUInt32BE(n);
    return bytes;
  };
  const at = (host: string, port = 1): { host: string; port: number } => ({ host, port });

  it('a key is old when it was named for more than three seconds', () => {
    let now = 0;
    const sightings = new LanSightings(() => now);

    const first = sightings.see(key(1), at('10.0.0.1'));
    now = 3_001;
    const later = sightings.see(key(1), at('10.0.0.1'));

    assert.deepEqual([first?.isOld, later?.isOld], [false, true]);
  });

  it('a key that was silent for long is new again, and where it was is forgotten', () => {
    let now = 0;
    const sightings = new LanSightings(() => now);
    sightings.see(key(1), at('10.0.0.1'));

    now = 35_001;
    const again = sightings.see(key(1), at('10.0.0.9'));

    assert.equal(again?.isOld, false);
    assert.deepEqual(again.take(), [at('10.0.0.9')]);
  });

  it('gives the address heard last first, and another one to the next dial', () => {
    let now = 0;
    const sightings = new LanSightings(() => now++);
    const hosts = ['10.0.0.1', '10.0.0.66', '10.0.0.67'];
    const [, , seen] = hosts.map((host) => sightings.see(key(1), at(host)));

    const dials = [1, 2, 3].map(() => seen!.take().map(({ host }) => host));

    assert.deepEqual(dials, [
      ['10.0.0.67', '10.0.0.66'],
      ['10.0.0.1', '10.0.0.67'],
      ['10.0.0.66', '10.0.0.1'],
    ]);
  });

  it('gives a new address first, however often an old one is named', () => {
    let now = 0;
    const sightings = new LanSightings(() => now++);
    sightings.see(key(1), at('10.0.0.66'))!.take();
    sightings.see(key(1), at('10.0.0.1'));

    const last = sightings.see(key(1), at('10.0.0.66'))!;

    assert.deepEqual(last.take()[0], at('10.0.0.1'));
  });

  it('keeps four addresses of a key, the ones heard last', () => {
    const sightings = new LanSightings(() => 0);
    const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.1', '10.0.0.5'];

    const last = hosts.map((host) => sightings.see(key(1), at(host))).at(-1)!;

    const given = new Set([...last.take(), ...last.take(), ...last.take()].map(({ host }) => host));
    assert.deepEqual([...given].sort(), ['10.0.0.1', '10.0.0.3', '10.0.0.4', '10.0.0.5']);
  });

  it('takes eight keys of one address and 256 in all, until they fall silent', () => {
    let now = 0;
    const sightings = new LanSightings(() => now);
    const count = (hosts: (n: number) => string): number =>
      Array.from({ length: 10_000 }, (_, n) => sightings.see(key(n), at(hosts(n)))).filter(Boolean).length;

    const ofOne = count(() => '10.0.0.1');
    now = 40_000;
    const ofMany = count((n) => `10.0.${n >> 8}.${n & 255}`);
    const known = sightings.see(key(3), at('10.0.0.3'));
    now = 80_000;
    const later = sightings.see(key(20_000), at('10.0.0.1'));

    assert.deepEqual([ofOne, ofMany], [8, 256]);
    assert.ok(known && later);
  });

  it('knows whom it has answered, as many as it may remember', () => {
    const sightings = new LanSightings();

    assert.equal(sightings.isNewSender('10.0.0.1:1'), true);
    assert.equal(sightings.isNewSender('10.0.0.1:1'), false);
    for (let i = 0; i < 300; i++) sightings.isNewSender(`10.0.1.${i}:1`);
    assert.equal(sightings.isNewSender('10.0.0.1:1'), true);
    sightings.forgetSenders();
    assert.equal(sightings.isNewSender('10.0.0.1:1'), true);
  });
});
