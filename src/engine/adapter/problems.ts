import type { AdapterProblem } from './adapterInfo';

/** Longest piece of a stranger's text inside a message. */
const MAX_QUOTED = 80;

/** Text of a file or config, made fit to stand in a message: one line, no control or formatting characters, not long. */
export function quoted(text: string): string {
  const plain = text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
  return plain.length > MAX_QUOTED ? `${plain.slice(0, MAX_QUOTED - 1)}…` : plain;
}

/** The file is not what it claims, or is no LoRA: it is not shared, converted or installed. */
export function refusal(code: string, message: string): AdapterProblem {
  return { code, severity: 'refuse', message };
}

/** @param kind what it is instead: `IA3`, `LOHA`, … */
export function notLora(kind: string): AdapterProblem {
  return refusal('not-lora', `This adapter is ${quoted(kind)}, not LoRA. Only LoRA adapters can be shared.`);
}

/** A good adapter that is more than `B·A`: only a model that it is merged into does the same. */
export function mergeOnly(code: string, message: string): AdapterProblem {
  return { code, severity: 'warn', blocks: 'gguf', message };
}

/** A good adapter that PEFT or MLX can use, and that we can't turn into anything exact: it is shared, not installed. */
export function installRefusal(code: string, message: string): AdapterProblem {
  return { code, severity: 'warn', blocks: 'install', message };
}

export function warning(code: string, message: string): AdapterProblem {
  return { code, severity: 'warn', message };
}
