import assert from 'node:assert/strict';
import { buildManifest, parseManifest } from '../../../src/engine/release/manifest';
import { identityKeys, openRelease, type Release } from '../../../src/engine/release/release';
import { sign } from 'hypercore-crypto';
import { makePackage } from '../../helpers/packages';
import { damaged } from '../bytes';
import { tried, type Target } from '../target';
import { jsonBytes, mutatedValue } from '../values';

/** What is accepted is, byte for byte, what we would have written: one content has one id. */
export const manifests: Target = {
  name: 'manifest',
  open: async () => {
    const samples = await Promise.all(
      [{}, { card: 0 }, { weights: 5_000_000 }, { weights: 1, config: 0 }].map(async (sizes) => {
        return Buffer.from((await makePackage(sizes)).manifest.bytes);
      }),
    );
    return {
      make: (random) => (random.isOneIn(20) ? random.pick(samples) : damaged(random.pick(samples), random)),
      take: (input) =>
        tried(['MANIFEST_INVALID'], () => {
          const { files, bytes } = parseManifest(input);
          assert.deepEqual(Buffer.from(bytes), Buffer.from(input));
          assert.deepEqual(Buffer.from(buildManifest(files).bytes), Buffer.from(input));
        }),
    };
  },
};

const AUTHOR = identityKeys(Buffer.alloc(32, 7));
const DOMAIN = Buffer.from('lora-swarm/release/1\n');
const ID = 'ab'.repeat(32);

const RELEASE: Release = {
  ...{ contentId: ID, author: 'ana', name: 'summaries', version: '1.2', format: 'peft', bytes: 300_300, rank: 4 },
  ...{ alpha: 8, scale: 2, dtype: 'F16', parameters: 1_000, pairs: 4, targets: ['q_proj'], license: 'MIT' },
  shape: { blocks: 2, dims: { q_proj: [64, 64] }, baseModel: 'fx/tiny', baseDigest: `sha256:${ID}` },
  ...{ tags: ['test'], parents: [ID], createdAt: 1_700_000_000_000 },
  lineage: { method: 'ties', parts: [{ id: ID, name: 'bo/other', weight: 0.5 }], rank: 8, density: 0.2, seed: 1 },
  extras: { system: 'Be brief.', template: '{{ .Prompt }}', parameters: { temperature: 0.5, stop: ['x'] } },
};

/** Payloads that an author signed, whatever they hold: an author is a stranger too. */
export const releases: Target = {
  name: 'release',
  open: () => ({
    make: (random) => {
      if (random.isOneIn(6)) return damaged(Buffer.from(JSON.stringify(RELEASE)), random);
      return jsonBytes(random.isOneIn(20) ? RELEASE : mutatedValue(RELEASE, random));
    },
    take: (input) =>
      tried(['RELEASE_INVALID'], () => {
        const payload = Buffer.from(input);
        const signature = sign(Buffer.concat([DOMAIN, payload]), AUTHOR.secretKey);
        const { release } = openRelease(payload, signature, AUTHOR.publicKey);
        const again = Buffer.from(JSON.stringify(release));
        const signed = sign(Buffer.concat([DOMAIN, again]), AUTHOR.secretKey);
        assert.deepEqual(openRelease(again, signed, AUTHOR.publicKey).release, release);
        assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
      }),
  }),
};
