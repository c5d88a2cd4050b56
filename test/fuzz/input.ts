import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BASES, fixture, type BaseName } from '../helpers/gold';
import { damaged } from './bytes';
import { mutateConfig } from './config';
import { mutateGguf } from './gguf';
import { Random } from './random';
import { joinSafetensors, mutateSafetensors } from './safetensors';
import type { Sample, Samples } from './samples';

/** What one number of a seed stands for: files on disk, and the base they are to be put on. */
export interface Input {
  /** `merge`: to be written into the weights of the base. */
  readonly what: 'adapter' | 'merge' | 'base';
  /** Folder of an adapter, or a GGUF. */
  readonly path: string;
  readonly base: BaseName;
}

/** Writes damaged adapters, one after another, to the same places. */
export class Inputs {
  constructor(
    private readonly samples: Samples,
    private readonly folder: string,
    private readonly seed: number,
  ) {
    for (const name of ['safetensors', 'gguf']) mkdirSync(join(folder, name), { recursive: true });
  }

  write(number: number): Input {
    const random = new Random(this.seed, number);
    if (random.isOneIn(100)) return this.#base(random);
    const sample = random.pick(this.samples.all);
    const base = random.isOneIn(25) ? random.pick(BASES) : sample.base;
    const what = random.isOneIn(25) ? 'merge' : 'adapter';
    return { what, path: this.#adapter(sample, random), base };
  }

  #adapter(sample: Sample, random: Random): string {
    if (sample.kind === 'gguf') {
      const path = join(this.folder, 'gguf', 'adapter.gguf');
      writeFileSync(path, mutateGguf(sample.file, random));
      return path;
    }
    const folder = join(this.folder, 'safetensors');
    const other = sample.weightsName === 'adapters.safetensors' ? 'adapter_model.safetensors' : 'adapters.safetensors';
    rmSync(join(folder, other), { force: true });
    const isConfigToo = random.isOneIn(4);
    const isConfigOnly = !isConfigToo && random.isOneIn(3);
    const config = isConfigToo || isConfigOnly ? mutateConfig(sample.config, random) : sample.config;
    writeFileSync(
      join(folder, sample.weightsName),
      isConfigOnly ? joinSafetensors(sample.tensors) : mutateSafetensors(sample.tensors, random),
    );
    writeFileSync(join(folder, 'adapter_config.json'), config);
    if (random.isOneIn(200)) rmSync(join(folder, 'adapter_config.json'));
    return folder;
  }

  #base(random: Random): Input {
    const base = random.pick(BASES);
    const path = join(this.folder, 'gguf', 'base.gguf');
    writeFileSync(path, damaged(readFileSync(fixture(base, 'base.f32.gguf')), random));
    return { what: 'base', path, base };
  }
}
