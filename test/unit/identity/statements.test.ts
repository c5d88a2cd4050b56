import assert from 'node:assert/strict';
import { sign } from 'hypercore-crypto';
import { formatCertificate, parseCertificate } from '../../../src/engine/identity/certificate';
import { makeRevocation, makeRotation, openStatement } from '../../../src/engine/identity/statements';
import { identityKeys } from '../../../src/engine/release/release';
import { seededBytes, seededRandom } from '../../helpers/packages';

const [ana, anaNext, bob] = ['ana', 'ana next', 'bob'].map((name) => identityKeys(seededBytes(32, name)));
const keyOf = ({ publicKey }: { publicKey: Buffer }): string => publicKey.toString('hex');

describe('statements of keys', () => {
  it('say that an author goes on under another key', () => {
    const { kind, key, bytes, ...rest } = makeRotation(ana!, anaNext!, 1_700_000_000_001);

    const opened = openStatement(bytes);

    assert.deepEqual([kind, key], ['rotation', keyOf(ana!)]);
    assert.ok('next' in rest && rest.next === keyOf(anaNext!) && rest.lastSequence === 1_700_000_000_001);
    assert.deepEqual(opened, { kind, key, bytes, ...rest });
    assert.equal(bytes.byteLength, 201);
  });

  it('say that a key is revoked, always in the same bytes', () => {
    const first = makeRevocation(ana!);

    assert.deepEqual(openStatement(first.bytes), { ...first, kind: 'revocation', key: keyOf(ana!) });
    assert.deepEqual(makeRevocation(ana!), first);
    assert.equal(first.bytes.byteLength, 97);
  });

  it('count only when both keys signed a move', () => {
    const { bytes } = makeRotation(ana!, anaNext!, 5);
    const facts = Buffer.concat([Buffer.from('lora-swarm/rotation/1\n'), bytes.subarray(1, 73)]);
    const forged = sign(facts, bob!.secretKey);

    for (const at of [73, 137]) {
      const wrong = Buffer.from(bytes);
      forged.copy(wrong, at);
      assert.throws(() => openStatement(wrong), { code: 'STATEMENT_INVALID' });
    }
  });

  it('can not be made of a signature for something else', () => {
    // The same bytes after another label, and after none.
    for (const label of ['', 'lora-swarm/release/1\n', 'lora-swarm/rotation/1\n']) {
      const signature = sign(Buffer.concat([Buffer.from(label), ana!.publicKey]), ana!.secretKey);
      const bytes = Buffer.concat([Buffer.of(2), ana!.publicKey, signature]);

      assert.throws(() => openStatement(bytes), { code: 'STATEMENT_INVALID' });
    }
  });

  it('have one form: what is longer, shorter, of another kind, or about one key twice is refused', () => {
    const rotation = Buffer.from(makeRotation(ana!, anaNext!, 5).bytes);
    const revocation = Buffer.from(makeRevocation(ana!).bytes);
    const itself = Buffer.concat([rotation.subarray(0, 33), rotation.subarray(1, 33), rotation.subarray(65)]);
    const huge = Buffer.from(rotation);
    huge.writeBigUInt64LE(2n ** 53n, 65);
    const wrong = [
      ...[Buffer.of(), Buffer.of(1), Buffer.of(3, ...revocation.subarray(1)), itself, huge],
      ...[rotation, revocation].flatMap((bytes) => [Buffer.concat([bytes, Buffer.of(0)]), bytes.subarray(0, -1)]),
    ];

    for (const bytes of wrong) assert.throws(() => openStatement(bytes), { code: 'STATEMENT_INVALID' });
    assert.throws(() => makeRotation(ana!, ana!, 1), TypeError);
  });

  it('are refused with any bit changed', () => {
    const random = seededRandom(1);
    for (const { bytes } of [makeRotation(ana!, anaNext!, 5), makeRevocation(ana!)])
      for (let i = 0; i < 100; i++) {
        const damaged = Buffer.from(bytes);
        damaged[Math.floor(random() * damaged.length)]! ^= 1 << Math.floor(random() * 8);

        assert.throws(() => openStatement(damaged), { code: 'STATEMENT_INVALID' });
      }
  });
});

describe('revocation certificate', () => {
  const statement = makeRevocation(ana!);
  const text = formatCertificate(statement);

  it('is a text that people can keep and that is read again, also with a note and other line ends', () => {
    assert.match(text, new RegExp(`^Key: ${statement.key}$`, 'm'));
    for (const each of [text, `of my old laptop\n${text}`, text.replaceAll('\n', '\r\n'), text.trim()])
      assert.deepEqual(parseCertificate(each), statement);
  });

  it('holds nothing that gives the key away', () => {
    const secret = ana!.secretKey.subarray(0, 32);

    assert.ok(!text.includes(secret.toString('hex')) && !text.includes(secret.toString('base64').slice(0, 40)));
    assert.ok(!Buffer.from(statement.bytes).includes(secret));
  });

  it('is refused when it is cut, changed, or another text', () => {
    const body = Buffer.from(statement.bytes).toString('base64');
    const rotation = Buffer.from(makeRotation(ana!, anaNext!, 1).bytes).toString('base64');
    const wrong = [
      ...['', 'hello', text.slice(0, -60), text.slice(text.indexOf(body.slice(0, 8))), 'x'.repeat(30_000) + text],
      ...[text.replace(body.slice(5, 8), '***'), text.replace(body.slice(5, 8), 'AAA')],
      formatCertificate({ ...statement, bytes: Buffer.from(rotation, 'base64') }),
    ];

    for (const each of wrong) assert.throws(() => parseCertificate(each), { code: 'STATEMENT_INVALID' });
  });
});
