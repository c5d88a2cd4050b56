import { fixture, type BaseName } from '../helpers/gold';
import { runLogits } from '../helpers/logits';

export interface Accepted {
  readonly number: number;
  readonly base: BaseName;
  /** LoRA GGUF, or a merged model. */
  readonly path: string;
  readonly isModel: boolean;
}

/** Puts each file on its base in llama.cpp, in processes of their own, and computes with it. Says what llama.cpp had against it. */
export async function loadAll(files: readonly Accepted[]): Promise<readonly { number: number; problem?: string }[]> {
  if (files.length === 0) return [];
  const byBase = [...files].sort((a, b) => a.base.localeCompare(b.base)); // A base is loaded once for all that follow it.
  const results = await runLogits(
    byBase.map(({ number, base, path, isModel }) => ({
      ...{ id: `${number}`, prompts: [[1, 2]] },
      ...(isModel ? { model: path } : { model: fixture(base, 'base.f32.gguf'), loras: [{ filePath: path }] }),
    })),
  );
  return files.map(({ number }) => {
    const problem = results.get(`${number}`)?.error;
    return { number, ...(problem === undefined ? {} : { problem }) };
  });
}
