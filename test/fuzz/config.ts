import { damaged } from './bytes';
import type { Random } from './random';

/** Another `adapter_config.json`: keys gone, added, of other types, contradicting each other, twice, or damaged bytes. */
export function mutateConfig(config: Buffer, random: Random): Buffer {
  if (random.isOneIn(6)) return damaged(config, random);
  let parsed: unknown;
  try {
    parsed = JSON.parse(config.toString());
  } catch {
    return damaged(config, random);
  }
  const entries = Object.entries(parsed as Record<string, unknown>);
  for (let count = 1 + random.below(3); count > 0; count--) mutateEntries(entries, random);
  const text = `{${entries.map(([key, value]) => `${JSON.stringify(key)}: ${written(value, random)}`).join(', ')}}`;
  return Buffer.from(random.isOneIn(12) ? otherText(text, random) : text);
}

const NUMBERS: readonly unknown[] = [
  ...[0, -0, 1, 2, 4, 8, 16, 64, -1, 0.5, 8.5, 1e-30, 1e30, 1e38, 1e39, 1e308, 2 ** 31, 2 ** 53, 2 ** 64],
];
const VALUES: readonly unknown[] = [
  ...NUMBERS,
  ...[
    null,
    true,
    false,
    '',
    '8',
    'all',
    'none',
    'lora_only',
    [],
    [[]],
    {},
    { a: 1 },
    ['q_proj'],
    [0, 1, 2],
    [-1],
    [NaN],
  ],
  ...['x'.repeat(100_000), '/home/ana/model', 'C:\\Users\\ana', '__proto__', { __proto__: 1 }, '\u0000', '\ud800'],
];

const KEYS: readonly string[] = [
  ...[
    'r',
    'lora_alpha',
    'peft_type',
    'task_type',
    'base_model_name_or_path',
    'target_modules',
    'bias',
    'modules_to_save',
  ],
  ...[
    'use_rslora',
    'use_dora',
    'rank_pattern',
    'alpha_pattern',
    'layers_to_transform',
    'layers_pattern',
    'fan_in_fan_out',
  ],
  ...['init_lora_weights', 'lora_bias', 'trainable_token_indices', 'alora_invocation_tokens', 'layer_replication'],
  ...[
    'exclude_modules',
    'target_parameters',
    'corda_config',
    'loftq_config',
    'use_qalora',
    'use_something',
    'auto_mapping',
  ],
  ...['fine_tune_type', 'num_layers', 'lora_parameters', 'alpha', 'scale', 'rank', 'model', 'data', 'adapter_path'],
  ...['__proto__', 'constructor', 'toString', ''],
];

const PATTERNS: readonly string[] = [
  ...[
    'q_proj',
    '^model.layers.0',
    '.*',
    '(a+)+$',
    '(.*.*)*x',
    'layers\\.[01]\\..*',
    '[',
    '(',
    '\\',
    '(?=q)',
    '\\d{1,99999}',
  ],
  ...[
    'a'.repeat(5000),
    '(q|v)_proj',
    'x*?',
    '(?P<n>q)',
    '\\1',
    '.*q_proj|.*',
    '((((((((((q))))))))))',
    'q{0,1000}{0,1000}',
  ],
];

function mutateEntries(entries: [string, unknown][], random: Random): void {
  const at = random.below(Math.max(1, entries.length));
  const entry = entries[at] ?? ['r', 4];
  switch (random.below(8)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries[at] = [entry[0], random.pick(VALUES)];
      break;
    case 2:
      set(entries, random.pick(KEYS), random.pick(VALUES));
      break;
    case 3:
      set(entries, random.pick(['r', 'lora_alpha', 'alpha', 'rank']), random.pick(NUMBERS));
      break;
    case 4:
      set(entries, random.pick(['rank_pattern', 'alpha_pattern']), {
        [random.pick(PATTERNS)]: random.pick(random.isOneIn(4) ? VALUES : NUMBERS),
        [random.pick(PATTERNS)]: random.pick(NUMBERS),
      });
      break;
    case 5:
      set(entries, 'lora_parameters', {
        rank: random.pick(NUMBERS),
        scale: random.pick(random.isOneIn(4) ? VALUES : NUMBERS),
        dropout: 0,
        ...(random.isOneIn(2) ? { keys: random.pick(VALUES) } : {}),
      });
      break;
    case 6:
      set(
        entries,
        random.pick(['target_modules', 'exclude_modules', 'layers_pattern']),
        random.pick([...PATTERNS, ...PATTERNS.map((pattern) => [pattern])]),
      );
      break;
    default:
      entries.push([entry[0], random.pick([entry[1], ...VALUES])]);
  }
}

function set(entries: [string, unknown][], key: string, value: unknown): void {
  const at = entries.findIndex(([name]) => name === key);
  if (at < 0) entries.push([key, value]);
  else entries[at] = [key, value];
}

function written(value: unknown, random: Random): string {
  if (random.isOneIn(60))
    return random.pick(['NaN', 'Infinity', '-Infinity', '1e999', '01', '.5', '+1', '0x10', "'x'", 'undefined']);
  if (random.isOneIn(60)) return '['.repeat(2000) + ']'.repeat(2000);
  return JSON.stringify(value);
}

function otherText(text: string, random: Random): string {
  const at = random.below(text.length);
  return random.pick([
    `\ufeff${text}`,
    text.slice(0, at),
    `${text}\n`,
    `${text}${text}`,
    text.replace('}', ',}'),
    `[${text}]`,
    `// x\n${text}`,
  ]);
}
