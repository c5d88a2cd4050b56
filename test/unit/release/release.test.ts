import assert from 'node:assert/strict';
import { sign, type KeyPair } from 'hypercore-crypto';
import { MAX_RELEASE_BYTES } from '../../../src/engine/limits';
import { isNamePart } from '../../../src/engine/release/fields';
import { identityKeys, openRelease, releaseId } from '../../../src/engine/release/release';
import { makeRelease, seededBytes, seededRandom } from '../../helpers/packages';

const ID = 'ab'.repeat(32);
const keys: KeyPair = identityKeys(seededBytes(32, 'author 1'));

/** Signs any bytes as the domain of releases demands, so that only the reading can refuse them. */
function open(payload: string | Buffer): ReturnType<typeof openRelease> {
  const bytes = Buffer.from(payload);
  const signature = sign(Buffer.concat([Buffer.from('lora-swarm/release/1\n'), bytes]), keys.secretKey);
  return openRelease(bytes, signature, keys.publicKey);
}

function openWith(fields: Record<string, unknown>): ReturnType<typeof openRelease> {
  return open(JSON.stringify({ ...makeRelease(ID).release, ...fields }));
}

describe('release', () => {
  it('is the same after signing and opening', () => {
    const baseFingerprint = `sha256:${'0f'.repeat(32)}`;
    const signed = makeRelease(ID, {
      version: '1.2',
      license: 'mit',
      parents: ['cd'.repeat(32)],
      dtype: 'F32',
      shape: { blocks: 1, dims: { q_proj: [64, 64] }, baseFingerprint },
    });

    const opened = openRelease(signed.payload, signed.signature, signed.authorKey);

    assert.deepEqual(JSON.parse(JSON.stringify(opened)), JSON.parse(JSON.stringify(signed)));
    assert.equal(opened.release.version, '1.2');
    assert.equal(opened.release.shape.baseFingerprint, baseFingerprint);
    assert.equal(releaseId(opened), releaseId(signed));
  });

  it('names one statement of one author', () => {
    const one = makeRelease(ID);

    assert.notEqual(releaseId(one), releaseId(makeRelease(ID, { name: 'other' })));
    assert.notEqual(releaseId(one), releaseId(makeRelease(ID, {}, 2)));
  });

  it('accepts of 3,000 mutations only the unchanged one', () => {
    const signed = makeRelease(ID);
    const random = seededRandom(11);
    const parts = ['payload', 'signature', 'authorKey'] as const;
    for (let i = 0; i < 3_000; i++) {
      const copy = {
        payload: Buffer.from(signed.payload),
        signature: Buffer.from(signed.signature),
        authorKey: Buffer.from(signed.authorKey),
      };
      const part = parts[i % 3]!;
      const at = Math.floor(random() * copy[part].byteLength);
      if (random() < 0.8) copy[part][at]! ^= 1 << Math.floor(random() * 8);
      else
        copy[part] = random() < 0.5 ? copy[part].subarray(0, at) : Buffer.concat([copy[part], Buffer.from([at & 255])]);

      assert.throws(
        () => openRelease(copy.payload, copy.signature, copy.authorKey),
        { code: 'RELEASE_INVALID' },
        `seed 11, ${i}`,
      );
    }
    assert.ok(openRelease(signed.payload, signed.signature, signed.authorKey));
  });

  it('is no signature of something else, nor the other way round', () => {
    const signed = makeRelease(ID);
    const bare = sign(signed.payload, keys.secretKey);

    assert.throws(() => openRelease(signed.payload, bare, keys.publicKey), { code: 'RELEASE_INVALID' });
  });

  it('ignores unknown fields and leaves unknown facts out', () => {
    const { release } = openWith({ later: { a: 1 }, rank: undefined, alpha: undefined });

    assert.ok(!('later' in release));
    assert.ok(!('rank' in release) && !('alpha' in release));
  });

  const wrong: Record<string, Record<string, unknown>> = {
    'an id of another form': { contentId: 'AB'.repeat(32) },
    'an id that is a path': { contentId: '../'.repeat(21) + 'a' },
    'a name with a slash': { name: 'a/b' },
    'a name with look-alike letters': { name: 'раура' },
    'a name with a direction mark': { name: 'a\u202Eb' },
    'an empty name': { name: '' },
    'a name that starts with a dot': { name: '..' },
    'a long name': { name: 'a'.repeat(65) },
    'an author of another type': { author: { toString: 'x' } },
    'an unknown format': { format: 'pickle' },
    'a negative size': { bytes: -1 },
    'half a byte': { bytes: 0.5 },
    'a size as text': { bytes: '1' },
    'a rank as text': { rank: '4' },
    'too many tags': { tags: Array.from({ length: 11 }, () => 't') },
    'a long tag': { tags: ['t'.repeat(33)] },
    'tags that are no list': { tags: { length: 1, 0: 't' } },
    'a number as a tag': { tags: [1] },
    'a parent that is no id': { parents: ['x'] },
    'too many parents': { parents: Array.from({ length: 17 }, () => ID) },
    'no shape': { shape: undefined },
    'a shape that is a list': { shape: [] },
    'dims of another length': { shape: { blocks: 1, dims: { q: [1] } } },
    'dims that are text': { shape: { blocks: 1, dims: { q: ['1', '2'] } } },
    'too many dims': {
      shape: { blocks: 1, dims: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, [1, 1]])) },
    },
    'a long base': { shape: { blocks: 1, dims: {}, baseModel: 'x'.repeat(201) } },
    'a fingerprint of another form': {
      shape: { blocks: 1, dims: {}, baseFingerprint: `sha256:${'0F'.repeat(32)}` },
    },
    'a fingerprint that is no text': { shape: { blocks: 1, dims: {}, baseFingerprint: 7 } },
    'a long licence': { license: 'x'.repeat(81) },
  };
  for (const [what, fields] of Object.entries(wrong))
    it(`refuses ${what}`, () => {
      assert.throws(() => openWith(fields), { code: 'RELEASE_INVALID' });
    });

  it('refuses JSON that is made to hurt, and changes no prototype', () => {
    const hostile = [
      '',
      'null',
      '[]',
      '"text"',
      '{',
      '{"__proto__":{"polluted":true}}',
      '['.repeat(8_000),
      `${'{"a":'.repeat(1_500)}1${'}'.repeat(1_500)}`,
      '\ufeff{}',
      Buffer.from([0xff, 0xfe, 0xfd]),
      `{"contentId":"${'a'.repeat(MAX_RELEASE_BYTES)}"}`,
    ];

    for (const payload of hostile)
      assert.throws(() => open(payload), { code: 'RELEASE_INVALID' }, String(payload).slice(0, 30));

    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('takes __proto__ and constructor as targets like any other name', () => {
    const dims = '{"__proto__":[1,2],"constructor":[3,4]}';
    const text = JSON.stringify({ ...makeRelease(ID).release, shape: { blocks: 1, dims: {} } }).replace(
      '"dims":{}',
      `"dims":${dims}`,
    );

    const { release } = open(text.replace('{', '{"__proto__":{"polluted":true},'));

    assert.deepEqual(Object.keys(release.shape.dims), ['__proto__', 'constructor']);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    assert.equal((release as unknown as Record<string, unknown>)['polluted'], undefined);
    assert.equal(Object.getPrototypeOf(release), Object.prototype);
  });

  it('says what may stand in a name', () => {
    for (const name of ['a', 'A-1_b.c', '0', 'x'.repeat(64)]) assert.ok(isNamePart(name), name);
    for (const name of ['', '-a', '.a', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(65), 'a:b'])
      assert.ok(!isNamePart(name), name);
  });
});
