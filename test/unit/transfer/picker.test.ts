import assert from 'node:assert/strict';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import type { ChunkRange } from '../../../src/engine/net/transferMessages';
import { Bitfield } from '../../../src/engine/release/bitfield';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import { buildManifest, groupCount } from '../../../src/engine/release/manifest';
import { Picker } from '../../../src/engine/transfer/picker';
import { seededRandom } from '../../helpers/packages';

const SLOW_MS = 10_000;

describe('Picker', () => {
  it('goes through the file in order for one source', () => {
    const picker = pickerOf(mapOf(40));
    picker.addSource('a');

    assert.deepEqual(picker.next('a', 1), { first: 0, count: 1 });
    assert.deepEqual(picker.next('a', 4), { first: 1, count: 4 });
    assert.deepEqual(picker.next('a', 64), { first: 5, count: 35 });
    assert.equal(picker.next('a', 64), undefined);
  });

  it('never reserves over the end of a group or a file', () => {
    const map = mapOf(70, 2);
    const picker = pickerOf(map);
    picker.addSource('a');

    const ranges = takeAll(picker, 'a', 64);

    assert.deepEqual(ranges, [
      { first: 0, count: 64 },
      { first: 64, count: 6 },
      { first: 70, count: 1 },
      { first: 71, count: 1 },
    ]);
  });

  it('gives each source a segment of its own', () => {
    const picker = pickerOf(mapOf(64));
    for (const source of ['a', 'b', 'c']) picker.addSource(source);

    const first = ['a', 'b', 'c'].map((source) => picker.next(source, 4)!.first);
    const second = ['a', 'b', 'c'].map((source) => picker.next(source, 4)!.first);

    assert.deepEqual(first, [0, 16, 32]);
    assert.deepEqual(second, [4, 20, 36]);
  });

  it('gives a source no more than its share of what is left, so that all end together', () => {
    const picker = pickerOf(mapOf(24));
    for (const source of ['a', 'b', 'c']) picker.addSource(source);

    const ranges = ['a', 'b', 'c', 'a', 'b'].map((source) => picker.next(source, 16));

    assert.deepEqual(ranges, [
      { first: 0, count: 8 },
      { first: 16, count: 6 },
      { first: 8, count: 4 },
      { first: 12, count: 4 },
      { first: 22, count: 2 },
    ]);
  });

  it('asks nothing of a group before it is open', () => {
    const picker = pickerOf(mapOf(70));
    picker.addSource('a');
    picker.setOpen(0, false);
    const before = takeAll(picker, 'a', 64);

    picker.setOpen(0, true);
    const after = takeAll(picker, 'a', 64);

    assert.deepEqual([before, after], [[{ first: 64, count: 6 }], [{ first: 0, count: 64 }]]);
  });

  it('reserves of a named range only what is free', () => {
    const picker = pickerOf(mapOf(10));
    picker.addSource('a');
    picker.addSource('disk');
    picker.claim('a', { first: 2, count: 2 });
    picker.received('a', { first: 5, count: 1 });

    assert.deepEqual(picker.claim('disk', { first: 0, count: 8 }), [
      { first: 0, count: 2 },
      { first: 4, count: 1 },
      { first: 6, count: 2 },
    ]);
  });

  it('takes what a source turns out to have for what was thought', () => {
    const map = mapOf(64);
    const picker = pickerOf(map);
    picker.addSource('a');
    picker.next('a', 4);

    picker.replaceHave('a', bits(map, { first: 40, count: 2 }));

    assert.deepEqual(takeAll(picker, 'a', 64), [{ first: 40, count: 2 }]);
  });

  it('shares a segment when no other is left', () => {
    const picker = pickerOf(mapOf(16));
    picker.addSource('a');
    picker.addSource('b');

    assert.deepEqual(picker.next('a', 4), { first: 0, count: 4 });
    assert.deepEqual(picker.next('b', 4), { first: 4, count: 4 });
  });

  it('skips what is held', () => {
    const map = mapOf(20);
    const held = new Bitfield(map.chunks);
    for (const chunk of [0, 1, 5, 19]) held.set(chunk);
    const picker = new Picker<string>(map, held, () => 0);
    picker.addSource('a');

    assert.deepEqual(takeAll(picker, 'a', 64), [
      { first: 2, count: 3 },
      { first: 6, count: 13 },
    ]);
  });

  it('takes the rarest first when a source has only a part', () => {
    const map = mapOf(64);
    const picker = pickerOf(map);
    picker.addSource('whole');
    picker.addSource('part', bits(map, { first: 0, count: 32 }));

    const rare = picker.next('whole', 16);
    const common = picker.next('part', 16);

    assert.deepEqual(rare, { first: 32, count: 16 });
    assert.deepEqual(common, { first: 0, count: 16 });
  });

  it('looks for the rarest from any place, so that two who fetch can trade', () => {
    const map = mapOf(640);
    const picker = new Picker<string>(map, new Bitfield(map.chunks), () => 0.5);
    picker.addSource('whole');
    picker.addSource('part', new Bitfield(map.chunks));

    assert.deepEqual(picker.next('whole', 16), { first: 320, count: 16 });
  });

  it('asks a source with a part only for what it has, and for more when it gets more', () => {
    const map = mapOf(64);
    const picker = pickerOf(map);
    picker.addSource('part', bits(map, { first: 20, count: 2 }));
    const before = takeAll(picker, 'part', 64);

    picker.setHave('part', { first: 40, count: 3 }, true);
    const after = takeAll(picker, 'part', 64);

    assert.deepEqual([before, after], [[{ first: 20, count: 2 }], [{ first: 40, count: 3 }]]);
  });

  it('does not ask again for what a source said it does not have', () => {
    const picker = pickerOf(mapOf(4));
    picker.addSource('a');
    picker.next('a', 4);

    picker.release('a', { first: 0, count: 2 });
    picker.setHave('a', { first: 0, count: 2 }, false);

    assert.equal(picker.next('a', 4), undefined);
    picker.addSource('b');
    assert.deepEqual(picker.next('b', 4), { first: 0, count: 2 });
  });

  it('gives to others what a source that left was asked for', () => {
    const picker = pickerOf(mapOf(128));
    picker.addSource('a');
    picker.addSource('b');
    picker.next('a', 16);
    picker.next('b', 16);

    picker.removeSource('a');

    assert.deepEqual(picker.next('b', 16), { first: 0, count: 16 });
  });

  it('lets an idle source repeat the end of the slowest, once, and names the loser', () => {
    const picker = pickerOf(mapOf(16));
    for (const source of ['slow', 'slower', 'idle']) picker.addSource(source);
    picker.claim('slow', { first: 0, count: 8 });
    picker.claim('slower', { first: 8, count: 8 });
    const eta = (source: string) => (source === 'slower' ? 2 * SLOW_MS : SLOW_MS);

    const first = picker.duplicate('idle', 4, eta, () => 100);
    const second = picker.duplicate('idle', 4, eta, () => 100);
    const losers = picker.received('idle', { first: 12, count: 4 });

    assert.deepEqual(first, { first: 12, count: 4 });
    assert.deepEqual(second, { first: 8, count: 4 });
    assert.deepEqual(losers, [{ source: 'slower', range: { first: 12, count: 4 } }]);
  });

  it('does not repeat when that would be less than twice as quick', () => {
    const picker = pickerOf(mapOf(16));
    picker.addSource('a');
    picker.addSource('b');
    picker.next('a', 16);

    assert.equal(
      picker.duplicate(
        'b',
        4,
        () => 1_000,
        () => 600,
      ),
      undefined,
    );
    assert.notEqual(
      picker.duplicate(
        'b',
        4,
        () => 1_000,
        () => 400,
      ),
      undefined,
    );
  });

  it('counts a chunk that came unasked', () => {
    const picker = pickerOf(mapOf(3));
    picker.addSource('a');

    picker.received('a', { first: 1, count: 1 });

    assert.deepEqual(takeAll(picker, 'a', 64), [
      { first: 0, count: 1 },
      { first: 2, count: 1 },
    ]);
  });

  it('loses no chunk and asks none of more than two, whatever happens', () => {
    const next = seededRandom(7);
    const random = (below: number) => Math.floor(next() * below);
    for (let round = 0; round < 20; round++) {
      const map = mapOf(1 + random(300), 1);
      const held = new Bitfield(map.chunks);
      const picker = new Picker<number>(map, held, next);
      const open = new Map<number, ChunkRange[]>();
      const join = (source: number) => {
        picker.addSource(source, random(2) === 0 ? undefined : randomBits(map, random));
        open.set(source, []);
      };
      for (let source = 0; source < 4; source++) join(source);

      for (let step = 0; step < 600; step++) {
        const source = random(4);
        const asked = open.get(source)!;
        const action = random(10);
        if (action < 4) {
          const range =
            picker.next(source, 1 + random(20)) ??
            picker.duplicate(
              source,
              4,
              () => SLOW_MS,
              () => 1,
            );
          if (range) asked.push(range);
        } else if (action < 8 && asked.length > 0) {
          const [range] = asked.splice(random(asked.length), 1);
          for (const chunk of chunks(range!)) held.set(chunk);
          picker.received(source, range!);
        } else if (action === 8 && asked.length > 0) {
          picker.release(source, asked.splice(0, 1)[0]!);
        } else if (action === 9 && random(10) === 0) {
          picker.removeSource(source);
          join(source);
        }
      }

      for (let source = 0; source < 4; source++) picker.removeSource(source);
      picker.addSource(99);
      const rest = takeAll(picker, 99, 64).flatMap((range) => [...chunks(range)]);
      const missing = [...chunks({ first: 0, count: map.chunks })].filter((chunk) => !held.has(chunk));
      assert.deepEqual(
        rest.sort((a, b) => a - b),
        missing,
      );
    }
  });
});

/** A package of weights with so many chunks, and as many small files of one chunk. */
function mapOf(weights: number, small = 0): ChunkMap {
  const file = (role: 1 | 16 | 17, size: number) => ({
    role,
    size,
    sha256: new Uint8Array(32),
    groups: Array.from({ length: groupCount(size) }, () => new Uint8Array(32)),
  });
  const files = [file(1, weights * CHUNK_BYTES - 5), file(16, 10), file(17, 20)].slice(0, 1 + small);
  return new ChunkMap(buildManifest(files));
}

function pickerOf(map: ChunkMap): Picker<string> {
  return new Picker<string>(map, new Bitfield(map.chunks), () => 0);
}

function takeAll<Source>(picker: Picker<Source>, source: Source, max: number): ChunkRange[] {
  const ranges: ChunkRange[] = [];
  for (let range = picker.next(source, max); range; range = picker.next(source, max)) ranges.push(range);
  return ranges;
}

function* chunks({ first, count }: ChunkRange): Generator<number> {
  for (let chunk = first; chunk < first + count; chunk++) yield chunk;
}

function bits(map: ChunkMap, range: ChunkRange): Bitfield {
  const field = new Bitfield(map.chunks);
  for (const chunk of chunks(range)) field.set(chunk);
  return field;
}

function randomBits(map: ChunkMap, random: (below: number) => number): Bitfield {
  const field = new Bitfield(map.chunks);
  for (let chunk = 0; chunk < map.chunks; chunk++) if (random(2) === 0) field.set(chunk);
  return field;
}
