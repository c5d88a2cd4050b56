import fs from 'node:fs';
import { addBlob, addManifest, manifestPath } from '../../src/engine/ollama/modelsFolder';

/**
 * Puts a model into a models folder that is another one with adapters on top, as somebody else's program would have made it: nobody
 * checked them.
 *
 * @returns the digests of the adapters.
 */
export async function addAdapted(
  modelsFolder: string,
  base: string,
  model: string,
  adapters: readonly string[],
): Promise<string[]> {
  const manifest = JSON.parse(fs.readFileSync(manifestPath(modelsFolder, base), 'utf8')) as { layers: object[] };
  const blobs = await Promise.all(adapters.map((file) => addBlob(modelsFolder, file)));
  const layers = blobs.map(({ digest, bytes }) => ({
    mediaType: 'application/vnd.ollama.image.adapter',
    digest,
    size: bytes,
    from: '/home/ana/Modelfile.d/adapter.gguf',
  }));
  const full = { ...manifest, layers: [...manifest.layers, ...layers] };
  await addManifest(modelsFolder, model, Buffer.from(JSON.stringify(full)));
  return blobs.map(({ digest }) => digest);
}
