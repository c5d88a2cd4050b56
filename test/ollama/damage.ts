import fs from 'node:fs';
import path from 'node:path';
import { fixture } from '../helpers/gold';
import { info, rawGguf, text, u32, u64, value } from '../helpers/rawGguf';
import { joinSafetensors, splitSafetensors, type SafeTensor } from '../fuzz/safetensors';

/** One way in which an adapter is no good. */
export interface Damage {
  readonly name: string;
  /** Model of the test server that it is to be put on. */
  readonly base: 'llama' | 'qwen2' | 'gemma3';
  /** Makes the files. @returns what is to be installed */
  readonly make: (folder: string) => string;
  readonly code: RegExp;
  /** What only a merged model can hold is no damage to route `merge`. */
  readonly isMergeable?: boolean;
}

const GOOD = fixture('llama', 'adapters', 'qv-r4');
const WEIGHTS = 'adapter_model.safetensors';
const CONFIG = 'adapter_config.json';
const goodWeights = fs.readFileSync(path.join(GOOD, WEIGHTS));
const goodConfig = fs.readFileSync(path.join(GOOD, CONFIG), 'utf8');
const goodGguf = fs.readFileSync(fixture('bad', 'ok.gguf'));

const UNREADABLE = /^ADAPTER_UNREADABLE$/;
const CONTRADICTION = /^ADAPTER_CONTRADICTION$/;
/** The last of these when no route is left: its message says what is wrong with the adapter. */
const UNSUPPORTED = /^(CONVERT_UNSUPPORTED|MERGE_UNSUPPORTED|OLLAMA_ROUTE_UNAVAILABLE)$/;
const UNFIT = /^BASE_UNFIT$/;
const CONFIG_INVALID = /^ADAPTER_CONFIG_INVALID$/;

function weights(name: string, change: () => Buffer, code: RegExp): Damage {
  return files(name, () => ({ [WEIGHTS]: change(), [CONFIG]: goodConfig }), code);
}

function files(name: string, content: () => Readonly<Record<string, Buffer | string>>, code: RegExp): Damage {
  const make = (folder: string): string => {
    for (const [file, bytes] of Object.entries(content())) fs.writeFileSync(path.join(folder, file), bytes);
    return folder;
  };
  return { name, base: 'llama', make, code };
}

function tensors(name: string, change: (all: SafeTensor[]) => readonly SafeTensor[], code: RegExp): Damage {
  return weights(name, () => joinSafetensors(change([...splitSafetensors(goodWeights)])), code);
}

/** Another text of the header, with the data as it is. */
function header(name: string, change: (json: string) => string, code = UNREADABLE): Damage {
  return weights(
    name,
    () => {
      const end = 8 + Number(goodWeights.readBigUInt64LE());
      const json = Buffer.from(change(goodWeights.toString('utf8', 8, end).trimEnd()));
      return Buffer.concat([u64(BigInt(json.length)), json, goodWeights.subarray(end)]);
    },
    code,
  );
}

function config(name: string, change: string | Readonly<Record<string, unknown>>, code = CONFIG_INVALID): Damage {
  const changed = typeof change === 'string' ? change : JSON.stringify({ ...JSON.parse(goodConfig), ...change });
  return files(name, () => ({ [WEIGHTS]: goodWeights, [CONFIG]: changed }), code);
}

function gguf(name: string, bytes: () => Buffer, code: RegExp, base: Damage['base'] = 'llama'): Damage {
  const make = (folder: string): string => {
    const file = path.join(folder, 'adapter.gguf');
    fs.writeFileSync(file, bytes());
    return file;
  };
  return { name, base, make, code };
}

function adapterOf(name: string, base: Damage['base'], on: Damage['base'], code: RegExp): Damage {
  const make = (folder: string): string => {
    fs.cpSync(fixture(base, 'adapters', name), folder, { recursive: true });
    return folder;
  };
  return { name: `${name} of ${base} on ${on}`, base: on, make, code };
}

const first = (all: SafeTensor[], change: Partial<SafeTensor>): SafeTensor[] => [
  { ...all[0]!, ...change },
  ...all.slice(1),
];

function withValue(bits: number): (all: SafeTensor[]) => SafeTensor[] {
  return (all) => {
    const data = Buffer.from(all[1]!.data);
    data.writeUInt32LE(bits, data.length - 4);
    return all.map((tensor, at) => (at === 1 ? { ...tensor, data } : tensor));
  };
}

function halves(type: 'F16' | 'BF16', bits: number): (all: SafeTensor[]) => SafeTensor[] {
  return (all) =>
    all.map((tensor) => {
      const data = Buffer.alloc(tensor.data.length / 2);
      data.writeUInt16LE(bits, 2);
      return { ...tensor, dtype: type, data };
    });
}

/** A header over its limit, in a file that does have as many bytes. */
function longHeader(): Buffer {
  const json = Buffer.alloc(17 * 1024 * 1024, ' ');
  json.write('{}');
  return Buffer.concat([u64(BigInt(json.length)), json]);
}

const said = [text('general.type', 'adapter'), text('adapter.type', 'lora'), text('general.architecture', 'llama')];
const alpha = value('adapter.lora.alpha', 6, Buffer.from(new Float32Array([8]).buffer));
const pair = (a: Buffer, b: Buffer, values = [...said, alpha], bytes = 2048): Buffer =>
  rawGguf({ values, tensors: [a, b], data: Buffer.alloc(bytes) });
const A = (dims: readonly number[] = [64, 4], type = 0, offset = 0): Buffer =>
  info('blk.0.attn_q.weight.lora_a', dims, type, offset);
const B = (dims: readonly number[] = [4, 64], type = 0, offset = 1024): Buffer =>
  info('blk.0.attn_q.weight.lora_b', dims, type, offset);

/** Every file cut off at many places: in the length, in the header, between tensors, in the last one. */
function cuts(): Damage[] {
  const at = (size: number): number[] => [
    0,
    1,
    7,
    8,
    9,
    60,
    61,
    ...[0.1, 0.3, 0.5, 0.7, 0.9].map((part) => Math.floor(part * size)),
    size - 1,
  ];
  return [
    ...at(goodWeights.length).map((size) =>
      weights(`weights cut at ${size}`, () => goodWeights.subarray(0, size), UNREADABLE),
    ),
    ...at(goodGguf.length).map((size) => gguf(`GGUF cut at ${size}`, () => goodGguf.subarray(0, size), UNREADABLE)),
    ...[0, 1, 100, goodConfig.length - 2].map((size) => config(`config cut at ${size}`, goodConfig.slice(0, size))),
  ];
}

/** The damaged GGUFs of the fixtures that are to be refused, with what refuses them. */
function badGgufs(): Damage[] {
  const codes: Readonly<Record<string, RegExp>> = {
    'embed-tied': UNSUPPORTED,
    'embed-rank': CONTRADICTION,
    'type-i32': UNSUPPORTED,
    'three-d': CONTRADICTION,
    'missing-b': CONTRADICTION,
    'wrong-shape': UNFIT,
    'wrong-arch': UNFIT,
    'not-adapter': UNSUPPORTED,
    nan: UNSUPPORTED,
    'norm-pair': UNSUPPORTED,
    truncated: UNREADABLE,
    'n-tensors': UNREADABLE,
  };
  const index = JSON.parse(fs.readFileSync(fixture('bad', 'index.json'), 'utf8')) as {
    readonly file: string;
    readonly base: Damage['base'];
    readonly right: string;
  }[];
  return index
    .filter(({ right }) => right === 'refuse')
    .map(({ file, base }) => {
      const name = file.replace('.gguf', '');
      const damage = gguf(file, () => fs.readFileSync(fixture('bad', file)), codes[name]!, base);
      return name === 'embed-tied' ? { ...damage, isMergeable: true } : damage;
    });
}

export const DAMAGES: readonly Damage[] = [
  ...cuts(),
  ...badGgufs(),
  weights('bytes behind the weights', () => Buffer.concat([goodWeights, Buffer.alloc(16)]), UNREADABLE),
  weights(
    'a header that claims 2^40 bytes',
    () => Buffer.concat([u64(2n ** 40n), goodWeights.subarray(8)]),
    UNREADABLE,
  ),
  weights('a header of 17 MiB', longHeader, UNREADABLE),
  weights(
    'weights that are a pickle',
    () => Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x2e, 0, 0, 0, 0]),
    /^ADAPTER_PICKLE$/,
  ),
  header('a header that is no JSON', (json) => json.slice(0, -1)),
  header('a header with equal keys', (json) => json.replace(/v_proj\.lora_A/g, 'q_proj.lora_A')),
  header('a shape that is larger than its data', (json) =>
    json.replace('[4,64]', '[5,64]').replace('[4, 64]', '[5,64]'),
  ),
  header('a shape of 2^53 rows', (json) => json.replace(/\[4, ?64\]/, '[9007199254740992,64]')),
  header('a negative shape', (json) => json.replace(/\[4, ?64\]/, '[-4,-64]')),
  header('overlapping tensors', (json) => json.replace(/\[1024, ?(\d+)\]/, '[0,$1]')),
  header('a tensor outside of the file', (json) =>
    json.replace(/"data_offsets":\s*\[0, ?/, '"data_offsets":[99999999,'),
  ),
  header('offsets in the wrong order', (json) => json.replace(/\[0, ?(\d+)\]/, '[$1,0]')),
  header('a type that does not exist', (json) => json.replace('"F32"', '"F31"')),
  header('a type of another width', (json) => json.replace('"F32"', '"F64"')),
  tensors(
    'rank 0',
    (all) =>
      all.map((tensor) => ({
        ...tensor,
        shape: tensor.shape.map((dim) => (dim === 4 ? 0 : dim)),
        data: Buffer.alloc(0),
      })),
    CONTRADICTION,
  ),
  tensors(
    'halves of two ranks',
    (all) => first(all, { shape: [2, 64], data: all[0]!.data.subarray(0, 512) }),
    CONTRADICTION,
  ),
  tensors('one half of a pair', (all) => all.slice(1), CONTRADICTION),
  tensors(
    'the same half twice',
    (all) => [...all, { ...all[0]!, name: all[0]!.name.replace('model.layers', '_orig_mod.model.layers') }],
    CONTRADICTION,
  ),
  tensors('a half of three dimensions', (all) => first(all, { shape: [4, 8, 8] }), CONTRADICTION),
  tensors('doubles', (all) => first(all, { dtype: 'F64', shape: [4, 32] }), UNSUPPORTED),
  tensors('integers', (all) => first(all, { dtype: 'I32' }), UNSUPPORTED),
  tensors('a tensor that nobody knows', (all) => [...all, { ...all[0]!, name: 'what.is.this' }], UNSUPPORTED),
  tensors(
    'a layer that the base has not',
    (all) => all.map((tensor) => ({ ...tensor, name: tensor.name.replace('layers.1', 'layers.7') })),
    UNFIT,
  ),
  tensors(
    'a module that the base has not',
    (all) => all.map((tensor) => ({ ...tensor, name: tensor.name.replace('v_proj', 'x_proj') })),
    UNSUPPORTED,
  ),
  tensors('no pairs at all', () => [], UNSUPPORTED),
  tensors('NaN', withValue(0x7fc00000), UNSUPPORTED),
  tensors('infinity', withValue(0x7f800000), UNSUPPORTED),
  tensors('minus infinity', withValue(0xff800000), UNSUPPORTED),
  tensors('NaN in F16', halves('F16', 0x7e00), UNSUPPORTED),
  tensors('infinity in BF16', halves('BF16', 0x7f80), UNSUPPORTED),
  config('a config that is no JSON', 'r = 4'),
  config('a config that is a list', '[]'),
  config('a config with equal keys', goodConfig.replace('{', '{"r": 64,')),
  config('a config that nests 5000 deep', `${'['.repeat(5000)}${']'.repeat(5000)}`),
  config('a config of 2 MB', `{"x": "${'y'.repeat(2_000_000)}"}`),
  config('a config with NaN', goodConfig.replace(/"lora_alpha": \d+/, '"lora_alpha": NaN')),
  config('r 0', { r: 0 }),
  config('r -1', { r: -1 }),
  config('alpha as text', { lora_alpha: '8' }),
  config('a rank unlike the weights', { r: 64 }, CONTRADICTION),
  config('a pattern unlike the weights', { rank_pattern: { q_proj: 64 } }, CONTRADICTION),
  config('an alpha that overflows', { lora_alpha: 1e300 }, UNSUPPORTED),
  config('an alpha that is not said', { lora_alpha: null }, /^ADAPTER_CONFIG_MISSING$/),
  config('a pattern that never ends', { rank_pattern: { '(?=(a+)+$)': 4 } }, UNSUPPORTED),
  config('another kind of adapter', { peft_type: 'LOHA' }, UNSUPPORTED),
  config('an unknown variant', { use_qalora: true }, UNSUPPORTED),
  files('no config', () => ({ [WEIGHTS]: goodWeights }), /^ADAPTER_CONFIG_MISSING$/),
  files('nothing but a config', () => ({ [CONFIG]: goodConfig }), /^ADAPTER_NOT_FOUND$/),
  adapterOf('qv-r4', 'llama', 'gemma3', UNFIT),
  adapterOf('all-r4', 'qwen2', 'gemma3', UNFIT),
  adapterOf('all-r4', 'gemma3', 'llama', UNFIT),
  gguf(
    'a GGUF without alpha of 32 bits',
    () => pair(A(), B(), [...said, value('adapter.lora.alpha', 12, Buffer.alloc(8, 64))]),
    UNSUPPORTED,
  ),
  gguf(
    'a GGUF with NaN as alpha',
    () => pair(A(), B(), [...said, value('adapter.lora.alpha', 6, Buffer.from(new Float32Array([NaN]).buffer))]),
    UNSUPPORTED,
  ),
  gguf('a GGUF with equal tensors', () => pair(A(), info('blk.0.attn_q.weight.lora_a', [64, 4], 0, 1024)), UNREADABLE),
  gguf('a GGUF with equal keys', () => pair(A(), B(), [...said, alpha, alpha]), UNREADABLE),
  gguf('a GGUF with overlapping tensors', () => pair(A(), B([4, 64], 0, 512)), UNREADABLE),
  gguf('a GGUF whose tensor is not there', () => pair(A(), B(), undefined, 1024), UNREADABLE),
  gguf('a GGUF of rank 0', () => pair(A([64, 0]), B([0, 64], 0, 0)), UNREADABLE),
  gguf('a GGUF of two ranks', () => pair(A(), B([8, 64]), undefined, 3072), CONTRADICTION),
  gguf('a GGUF with doubles', () => pair(A([32, 4], 28), B()), UNSUPPORTED),
  gguf('a GGUF with a dimension of 2^60', () => pair(A([2 ** 52, 2 ** 8]), B()), UNREADABLE),
  gguf(
    'a GGUF with an alignment of 3',
    () => pair(A(), B(), [...said, alpha, value('general.alignment', 4, u32(3))]),
    UNREADABLE,
  ),
  gguf(
    'a GGUF in the other byte order',
    () => Buffer.concat([Buffer.from('GGUF'), Buffer.from([0, 0, 0, 3]), Buffer.alloc(64)]),
    UNREADABLE,
  ),
];
