import { hostEngine } from './engineHost';

// The entry of the engine's thread, bundled as dist/worker.js. The engine is loaded by the one who leads only.
void hostEngine(async () => (await import('../engine/engine')).createEngine);
