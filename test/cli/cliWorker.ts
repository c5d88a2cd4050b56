import { createTestEngine } from '../service/testEngine';
import { hostEngine } from '../../src/service/engineHost';
import type { Engine, EngineOptions } from '../../src/engine/engine';

// The engine's thread for tests of the command line as a process: how it starts, is stopped and speaks. What verbs do is
// tested with the real engine.
void hostEngine(() => Promise.resolve(create));

async function create(options: EngineOptions): Promise<Engine> {
  const engine = await createTestEngine(options);
  const wish = engine.wish.bind(engine);
  engine.wish = async (name, params, wishOptions) => {
    console.log('a library prints'); // Must not reach the output of the command.
    if (name === 'share') {
      const { path } = params as { path: string };
      return { id: 'ab'.repeat(32), name: 'me/x', bytes: 5, rooms: [], link: path, privateValues: [] } as never;
    }
    return await wish(name, params, wishOptions);
  };
  return engine;
}
