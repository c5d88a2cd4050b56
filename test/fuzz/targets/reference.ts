import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufHeader } from '../../../src/engine/adapter/gguf';
import { readSafetensorsHeader } from '../../../src/engine/adapter/safetensors';
import { damaged } from '../bytes';
import { costSince, started } from '../../helpers/processorTime';
import { joinGguf, mutateGguf, type GgufFile } from '../gguf';
import type { Random } from '../random';
import { Reference, findReferencePython, type ReferenceKind } from '../reference';
import { joinSafetensors, mutateSafetensors, type SafeTensor } from '../safetensors';
import { readSamples } from '../samples';
import { triedLater, type Target } from '../target';

/** Of the file: what is longer is no more hostile, and takes longer in Python. */
const MAX_BYTES = 40_000;

interface Samples {
  readonly safetensors: readonly (readonly SafeTensor[])[];
  readonly gguf: readonly GgufFile[];
}

/** A header that we take is one that the parsers of PyPI take. */
function reference(
  kind: ReferenceKind,
  make: (samples: Samples, random: Random) => Buffer,
  read: (path: string) => Promise<unknown>,
): Target {
  return {
    name: `${kind} beside its reference`,
    missing: () =>
      findReferencePython() === undefined
        ? 'no safetensors and gguf of PyPI; run .ci/install-reference-parsers.sh .vscode-test/reference'
        : undefined,
    open: async (scratch) => {
      const samples = await smallSamples(scratch);
      const parser = new Reference(findReferencePython()!);
      const path = join(scratch, `adapter.${kind}`);
      // It can tell: it takes what is sound, and nothing else.
      writeFileSync(path, kind === 'gguf' ? joinGguf(samples.gguf[0]!) : joinSafetensors(samples.safetensors[0]!));
      assert.equal(await parser.refusal(kind, path), undefined);
      writeFileSync(path, 'no such file');
      assert.notEqual(await parser.refusal(kind, path), undefined);
      return {
        make: (random) => make(samples, random),
        take: async (input) => {
          writeFileSync(path, input);
          const since = started();
          const verdict = await triedLater(['ADAPTER_UNREADABLE'], () => read(path));
          const slowestMs = costSince(since);
          if (verdict === 'accepted') assert.equal(await parser.refusal(kind, path), undefined);
          return { verdict, count: 1, slowestMs };
        },
        close: () => parser.close(),
      };
    },
  };
}

export const safetensorsReference = reference(
  'safetensors',
  ({ safetensors }, random) => {
    const file = mutateSafetensors(random.pick(safetensors), random);
    return random.isOneIn(3) ? damaged(file, random) : file;
  },
  readSafetensorsHeader,
);

export const ggufReference = reference(
  'gguf',
  ({ gguf }, random) => {
    const file = mutateGguf(random.pick(gguf), random);
    return random.isOneIn(3) ? damaged(file, random) : file;
  },
  readGgufHeader,
);

/** Small ones, and of larger ones the first tensors. */
async function smallSamples(scratch: string): Promise<Samples> {
  const { all } = await readSamples(scratch);
  const safetensors = all.flatMap((sample) => (sample.kind === 'safetensors' ? [sample.tensors.slice(0, 6)] : []));
  const gguf = all.flatMap((sample) =>
    sample.kind === 'gguf' ? [{ ...sample.file, tensors: sample.file.tensors.slice(0, 6) }] : [],
  );
  return {
    safetensors: safetensors.filter((tensors) => joinSafetensors(tensors).byteLength < MAX_BYTES),
    gguf: gguf.filter((file) => joinGguf(file).byteLength < MAX_BYTES),
  };
}
