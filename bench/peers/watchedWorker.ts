import { createRequire } from 'node:module';
import path from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import { type LoopDelay, watchLoop } from './usage';

// The engine's thread, as it is built, with a watch of its event loop.

const channel = new BroadcastChannel('lora-swarm-bench');
channel.unref();
let end: (() => LoopDelay) | undefined;
channel.onmessage = (message) => {
  const { data } = message as { readonly data: unknown };
  if (data === 'watch') end = watchLoop();
  else if (data === 'usage') channel.postMessage(end!());
};

createRequire(__filename)(path.join(__dirname, '..', 'dist', 'worker.js'));
