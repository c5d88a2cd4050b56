import assert from 'node:assert/strict';
import { importBase } from '../../src/engine/ollama/modelsFolder';

/**
 * Puts a base into a real Ollama, to be run with one thread, and `NAME-plain` without that. Old versions spin on all they have:
 * with another process beside them, sixteen tokens of a tiny model take seconds.
 */
export async function addCalmBase(
  server: { readonly url: string; readonly modelsFolder: string },
  base: { readonly model: string; readonly gguf: string; readonly family: string },
): Promise<void> {
  const plain = `${base.model}-plain`;
  await importBase(server.modelsFolder, { ...base, model: plain });
  const body = JSON.stringify({ model: base.model, from: plain, parameters: { num_thread: 1 }, stream: false });
  const answer = await fetch(`${server.url}/api/create`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
}
