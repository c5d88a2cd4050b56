import assert from 'node:assert/strict';
import { isLanAddress, isLoopback } from '../../../src/engine/net/address';
import { Admission, type Candidate } from '../../../src/engine/net/admission';

const DAY_MS = 24 * 60 * 60 * 1_000;

const from = (key: string, address: string, isInbound = true): Candidate => ({ key, address, isInbound });

describe('admission', () => {
  it('lets a few in from one address of the internet, and more from the local network', () => {
    const admission = new Admission();
    const internet = Array.from({ length: 20 }, (_, i) => admission.enter(from(`i${i}`, '203.0.113.9')));
    const lan = Array.from({ length: 20 }, (_, i) => admission.enter(from(`l${i}`, '192.168.1.9')));

    assert.equal(internet.filter((refusal) => refusal === undefined).length, 8);
    assert.equal(lan.filter((refusal) => refusal === undefined).length, 20);
  });

  it('keeps places for peers that proved a room before', () => {
    const admission = new Admission();
    admission.know({ key: 'friend', address: '198.51.100.2' }, true);
    for (let i = 0; i < 200; i++) admission.enter(from(`k${i}`, `203.0.113.${i}`, i % 2 === 0));

    assert.notEqual(admission.enter(from('stranger', '198.51.100.1')), undefined);
    assert.equal(admission.enter(from('friend', '198.51.100.2')), undefined);
  });

  it('keeps places for the local network when strangers of the internet took all that they can', () => {
    const admission = new Admission();
    for (let i = 0; i < 200; i++) admission.enter(from(`k${i}`, `203.0.113.${i}`));

    const near = Array.from({ length: 5 }, (_, i) => admission.enter(from(`l${i}`, '192.168.1.9')));

    assert.deepEqual(near, [undefined, undefined, undefined, undefined, 'too many inbound connections']);
  });

  it('keeps some of them from the local network, too', () => {
    const admission = new Admission();
    admission.know({ key: 'friend', address: '192.168.1.77' }, false);
    for (let i = 0; i < 200; i++) admission.enter(from(`k${i}`, `192.168.1.${i % 5}`, i % 2 === 0));

    assert.notEqual(admission.enter(from('stranger', '192.168.1.66')), undefined);
    assert.equal(admission.enter(from('friend', '192.168.1.77')), undefined);
  });

  it('keeps no places for many keys of one address that prove what everybody can prove', () => {
    const admission = new Admission();
    admission.know({ key: 'neighbour', address: '198.51.100.2' }, false);
    for (let i = 0; i < 5_000; i++) admission.know({ key: `k${i}`, address: '203.0.113.9' }, false);
    for (let i = 0; i < 200; i++) admission.enter(from(`s${i}`, `192.0.2.${i}`, i % 2 === 0));

    const late = Array.from({ length: 8 }, (_, i) => admission.enter(from(`k${4_000 + i}`, '203.0.113.9')));

    assert.equal(admission.enter(from('neighbour', '198.51.100.2')), undefined);
    assert.ok(late.every((refusal) => refusal !== undefined));
  });

  it('lets colleagues with one address towards the internet in, who proved a private room', () => {
    const admission = new Admission();
    const keys = Array.from({ length: 20 }, (_, i) => `colleague${i}`);
    for (const key of keys) admission.know({ key, address: '203.0.113.9' }, true);

    const refusals = keys.map((key) => admission.enter(from(key, '203.0.113.9')));

    assert.deepEqual(
      refusals.filter((refusal) => refusal !== undefined),
      [],
    );
  });

  it('lets strangers of one address try thirty times a minute, and friends at any time', () => {
    let now = 0;
    const admission = new Admission(undefined, () => now);
    admission.know({ key: 'friend', address: '203.0.113.9' }, true);
    const tryOnce = (key: string): boolean => {
      const candidate = from(key, '203.0.113.9');
      const isIn = admission.enter(candidate) === undefined;
      admission.leave(candidate);
      return isIn;
    };
    const tries = (): number => Array.from({ length: 100 }, (_, i) => tryOnce(`k${i}`)).filter(Boolean).length;

    const first = tries();
    const friend = tryOnce('friend');
    now += 60_000;

    assert.deepEqual([first, friend, tries()], [30, true, 30]);
  });

  it('lets thirty strangers a minute join one room, who came by themselves', () => {
    const admission = new Admission();
    admission.know({ key: 'friend', address: '203.0.113.9' }, true);
    const join = (room: string, isInbound: boolean): number =>
      Array.from({ length: 100 }, (_, i) => admission.mayJoin(from(`k${i}`, `203.0.113.${i}`, isInbound), room)).filter(
        Boolean,
      ).length;

    assert.deepEqual([join('a', true), join('b', true), join('a', false)], [30, 30, 100]);
    assert.ok(admission.mayJoin(from('friend', '203.0.113.9'), 'a'));
  });

  it('lets one address guess five times a minute and all together thirty times, but never minds its friends', () => {
    let now = 0;
    const admission = new Admission(undefined, () => now);
    admission.know({ key: 'friend', address: '203.0.113.1' }, true);
    const guesses = (address: string): number =>
      Array.from({ length: 100 }, (_, i) => admission.mayGuess(from(`k${i}`, address))).filter(Boolean).length;

    const first = guesses('203.0.113.1');
    const refused = admission.enter(from('k', '203.0.113.1'));
    const friend = [
      admission.mayGuess(from('friend', '203.0.113.1')),
      admission.enter(from('friend', '203.0.113.1')) === undefined,
    ];
    now += 59_999;
    const stillRefused = admission.enter(from('k', '203.0.113.1'));
    now += 1;

    assert.equal(first, 4); // The fifth is the last that is looked at; then the connection ends.
    assert.deepEqual([refused, stillRefused], ['too many wrong proofs', 'too many wrong proofs']);
    assert.deepEqual(friend, [true, true]);
    assert.equal(admission.enter(from('k', '203.0.113.1')), undefined);
  });

  it('gives a place back when somebody leaves', () => {
    const admission = new Admission();
    const candidates = Array.from({ length: 9 }, (_, i) => from(`k${i}`, '203.0.113.9'));
    for (const candidate of candidates) admission.enter(candidate);

    admission.leave(candidates[0]!);

    assert.equal(admission.enter(candidates[8]!), undefined);
  });

  it('keeps a liar out at once, and who breaks the protocol the third time', () => {
    const admission = new Admission();
    admission.banLiar('liar');
    admission.countViolation('clumsy');
    admission.countViolation('clumsy');

    assert.ok(admission.isStruck('liar'));
    assert.ok(!admission.isStruck('clumsy'));
    admission.countViolation('clumsy');
    assert.ok(admission.isStruck('clumsy'));
    assert.notEqual(admission.enter(from('liar', '192.168.1.2')), undefined);
  });

  it('keeps a liar out for a day, by a clock that nobody can set, and lets it in then', () => {
    let now = 1_000;
    const admission = new Admission(undefined, () => now);
    admission.banLiar('liar');

    now += DAY_MS - 1;
    const before = admission.isStruck('liar');
    now += 1;

    assert.deepEqual([before, admission.isStruck('liar')], [true, false]);
  });

  it('keeps out who lied in the last run for the rest of the day', () => {
    const kept: { key: string; forMs: number }[] = [];
    const memory = { list: () => kept, put: (key: string, forMs: number) => void kept.push({ key, forMs }) };
    new Admission(memory).banLiar('liar');
    kept[0]!.forMs = 5_000; // As much as is left of it.
    let now = 0;
    const later = new Admission(memory, () => now);

    const atOnce = later.enter(from('liar', '192.168.1.2'));
    now = 5_000;
    const then = later.enter(from('liar', '192.168.1.2'));

    assert.notEqual(atOnce, undefined);
    assert.equal(then, undefined);
  });

  it('keeps a liar out when the disk can not keep it, and says so', () => {
    const full = new Error('full');
    const memory = {
      list: () => [],
      put: () => {
        throw full;
      },
    };
    const admission = new Admission(memory);
    const said: unknown[] = [];

    admission.banLiar('liar', (error) => said.push(error));

    assert.ok(admission.isStruck('liar'));
    assert.deepEqual(said, [full]);
  });

  it('forgets old strikes instead of growing', () => {
    const admission = new Admission();
    for (let i = 0; i < 10_000; i++) admission.banLiar(`k${i}`);

    assert.ok(!admission.isStruck('k0'));
    assert.ok(admission.isStruck('k9999'));
  });
});

describe('addresses', () => {
  it('tells networks that no router forwards from the internet', () => {
    const lan = [
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.0.1',
      '169.254.1.1',
      '127.0.0.1',
      '::1',
      'fe80::1',
      'fd00::1',
      '::ffff:10.0.0.1',
    ];
    const internet = [
      '8.8.8.8',
      '172.15.0.1',
      '172.32.0.1',
      '192.169.0.1',
      '11.0.0.1',
      '2001:db8::1',
      '',
      'localhost.example',
    ];

    assert.deepEqual(
      lan.filter((address) => !isLanAddress(address)),
      [],
    );
    assert.deepEqual(
      internet.filter((address) => isLanAddress(address)),
      [],
    );
    assert.ok(isLoopback('127.9.8.7') && !isLoopback('10.0.0.1'));
  });
});
