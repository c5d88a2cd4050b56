import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface WriteAdapterOptions {
  /** Default 4. */
  readonly rank?: number;
  /** Width of the base. Default 64: fits the tiny llama base of the fixtures. */
  readonly hidden?: number;
  /** Default 2. */
  readonly blocks?: number;
  /** Default `q_proj` and `v_proj`. */
  readonly targets?: readonly Target[];
  /** `null` leaves `lora_alpha` out of the config. Default twice the rank. */
  readonly alpha?: number | null;
  /** Default F32. */
  readonly dtype?: 'F32' | 'BF16';
  /** Other seeds give other weights of the same shapes. */
  readonly seed?: number;
  /** Default `fx/tiny-llama`. `null` leaves the base out of the config and the card. */
  readonly base?: string | null;
  /** Text of README.md, or false for no card. */
  readonly card?: string | false;
  /** False leaves `adapter_config.json` out. */
  readonly config?: false;
  /** The weights are a hole in the file, which reads as zeros. */
  readonly isSparse?: true;
  /** More keys of `adapter_config.json`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface WrittenAdapter {
  readonly folder: string;
  readonly weightsPath: string;
  readonly configPath: string;
  readonly cardPath: string;
  /** Size of the weights file. */
  readonly bytes: number;
}

export type Target = 'q_proj' | 'k_proj' | 'v_proj' | 'o_proj' | 'gate_proj' | 'up_proj' | 'down_proj';

/**
 * Writes a real PEFT adapter: the same bytes for the same options, on every machine. Shapes are those of a llama with
 * half as many key-value heads and a feed-forward twice as wide as `hidden`. Streamed, so it may be gigabytes.
 */
export async function writePeftAdapter(folder: string, options: WriteAdapterOptions = {}): Promise<WrittenAdapter> {
  const { rank = 4, hidden = 64, blocks = 2, targets = ['q_proj', 'v_proj'], seed = 1, dtype = 'F32', card } = options;
  const alpha = options.alpha === undefined ? 2 * rank : options.alpha;
  const base = options.base === undefined ? 'fx/tiny-llama' : options.base;
  await mkdir(folder, { recursive: true });
  const written = {
    folder,
    weightsPath: join(folder, 'adapter_model.safetensors'),
    configPath: join(folder, 'adapter_config.json'),
    cardPath: join(folder, 'README.md'),
  };

  if (options.config !== false) {
    const config = {
      ...(base === null ? {} : { base_model_name_or_path: base }),
      bias: 'none',
      ...(alpha === null ? {} : { lora_alpha: alpha }),
      peft_type: 'LORA',
      r: rank,
      target_modules: targets,
      task_type: 'CAUSAL_LM',
      ...options.extra,
    };
    await writeFile(written.configPath, JSON.stringify(config, null, 2));
  }
  if (card !== false) await writeFile(written.cardPath, card ?? defaultCard(base));

  const names = targets.flatMap((target) =>
    Array.from({ length: blocks }, (_, block) => ({
      target,
      name: `model.layers.${block}.${parent(target)}.${target}`,
    })),
  );
  const tensors = names.flatMap(({ target, name }) => {
    const [inFeatures, outFeatures] = shapeOf(target, hidden);
    return [
      { name: `base_model.model.${name}.lora_A.weight`, shape: [rank, inFeatures] as const },
      { name: `base_model.model.${name}.lora_B.weight`, shape: [outFeatures, rank] as const },
    ];
  });
  const bytes = await writeWeights(written.weightsPath, tensors, { seed, dtype, isSparse: options.isSparse === true });
  return { ...written, bytes };
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly [number, number];
}

async function writeWeights(
  path: string,
  tensors: readonly Tensor[],
  { seed, dtype, isSparse }: { readonly seed: number; readonly dtype: 'F32' | 'BF16'; readonly isSparse: boolean },
): Promise<number> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const { name, shape } of tensors) {
    const begin = end;
    end += (dtype === 'F32' ? 4 : 2) * shape[0] * shape[1];
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8)); // The reference writer aligns the data to 8 bytes.
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));

  await using file = await open(path, 'w');
  await file.write(Buffer.concat([length, json]));
  if (isSparse) {
    await file.truncate(8 + json.length + end);
    return 8 + json.length + end;
  }
  const words = new Uint32Array(Math.min(end, 1 << 20) / 4);
  // Signs and mantissas at random: floats of size 1/32 to 1/16. A word of BF16 is two of them.
  const [random, fixed] = dtype === 'F32' ? [0x807fffff, 0x3d000000] : [0x807f807f, 0x3d003d00];
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let done = 0; done < end;) {
    const count = Math.min(words.length, (end - done) / 4);
    for (let index = 0; index < count; index++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[index] = (state & random) | fixed;
    }
    await file.write(Buffer.from(words.buffer, 0, 4 * count));
    done += 4 * count;
  }
  return 8 + json.length + end;
}

function shapeOf(target: Target, hidden: number): readonly [number, number] {
  switch (target) {
    case 'q_proj':
    case 'o_proj':
      return [hidden, hidden];
    case 'k_proj':
    case 'v_proj':
      return [hidden, hidden / 2];
    case 'gate_proj':
    case 'up_proj':
      return [hidden, 2 * hidden];
    case 'down_proj':
      return [2 * hidden, hidden];
  }
}

function parent(target: Target): string {
  return ['gate_proj', 'up_proj', 'down_proj'].includes(target) ? 'mlp' : 'self_attn';
}

function defaultCard(base: string | null): string {
  const lines = [...(base === null ? [] : [`base_model: ${base}`]), 'license: apache-2.0', 'tags:', '- lora', '- tiny'];
  return `---\n${lines.join('\n')}\n---\n\n# Tiny adapter\n\nWritten by a test.\n`;
}
