import type { AdapterInfo, AdapterShape } from './adapterInfo';
import { baseTensorName, modulePlace } from './tensorNames';

/** What can be said about an adapter in a few hundred bytes, before anybody downloads it. */
export function adapterShape(info: AdapterInfo): AdapterShape {
  const dims = new Map<string, readonly [number, number]>();
  let blocks = 0;
  for (const { name, target, layer, inFeatures, outFeatures } of info.modules) {
    // A `gate_proj` of an expert is not the `gate_proj` of a block: what is not understood keeps its path.
    const isUnderstood = info.format === 'gguf' || baseTensorName(name) !== undefined;
    const key = isUnderstood ? target : (modulePlace(name)?.inner ?? name);
    if (!dims.has(key)) dims.set(key, [inFeatures, outFeatures]);
    blocks = Math.max(blocks, (layer ?? -1) + 1);
  }
  return {
    ...(info.architecture === undefined ? {} : { architecture: info.architecture }),
    ...(info.baseModel === undefined ? {} : { baseModel: info.baseModel }),
    blocks,
    dims: Object.fromEntries(dims),
  };
}
