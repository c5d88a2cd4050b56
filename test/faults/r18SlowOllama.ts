import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { InstallRouteName } from '../../src/engine/deployWishes';
import { silentLog } from '../../src/engine/log';
import { OllamaClient } from '../../src/engine/ollama/client';
import { installAdapter } from '../../src/engine/ollama/install/install';
import { InstallLock } from '../../src/engine/ollama/install/installLock';
import { readBase } from '../../src/engine/ollama/models';
import { FakeOllama } from '../helpers/fakeOllama';
import { fixture } from '../helpers/gold';
import { MemoryMadeModels } from '../helpers/memoryMadeModels';
import { loraFile } from '../helpers/payloads';
import type { Fault } from './fault';

const MINUTE_MS = 60_000;

/** Each way to install that has Ollama do something long, and what it asks for then. */
const WAITS: readonly (readonly [InstallRouteName, string, string])[] = [
  ['create', '0.34.0', '/api/create'],
  ['pull', '0.34.2', '/api/push'],
  ['pull', '0.34.2', '/api/pull'],
];

/** What else goes wrong with Ollama is in `test/ollama`, as it takes no time. */
export const slowOllama: Fault = {
  id: 'R18',
  title: 'Ollama says nothing for ten minutes',
  isLong: true,
  strike: async (bout) => {
    const held = (): Promise<void> => wait(bout.minutes * MINUTE_MS);
    await Promise.all([
      ...WAITS.map(([route, version, path]) =>
        bout.point(`${path}, by route ${route}`, () =>
          withOllama(version, (fake) => installs(fake, route, path, held)),
        ),
      ),
      bout.point('/api/generate', () => withOllama('0.34.2', (fake) => answers(fake, held))),
    ]);
  },
};

async function withOllama(version: string, work: (fake: FakeOllama) => Promise<void>): Promise<undefined> {
  const fake = await FakeOllama.start(version);
  try {
    fake.addModel('tiny', fixture('ollama', 'base.gguf'));
    await work(fake);
  } finally {
    await fake.close();
  }
}

async function installs(
  fake: FakeOllama,
  route: InstallRouteName,
  path: string,
  held: () => Promise<void>,
): Promise<void> {
  const client = new OllamaClient(fake.url);
  const base = await readBase(client, 'tiny');
  const parts = { client, made: new MemoryMadeModels(), log: silentLog, lock: new InstallLock() };
  const until = held();
  // The first one to create only asks what this Ollama can do.
  fake.fail(path, ...(path === '/api/create' ? [{ kind: 'none' } as const] : []), { kind: 'wait', until });

  const { model } = await installAdapter(parts, {
    sources: loraFile(fixture('ollama', 'adapter.gguf')),
    isOwn: true,
    adapterId: 'a'.repeat(64),
    base,
    ...{ author: 'ana', name: 'sql', prefix: 'p2p', route, isCostConfirmed: true },
  });

  await until;
  assert.ok(fake.store.find(model), model);
  assert.deepEqual(parts.made.works(), []);
}

async function answers(fake: FakeOllama, held: () => Promise<void>): Promise<void> {
  const until = held();
  fake.fail('/api/generate', { kind: 'wait', until });

  const words: string[] = [];
  for await (const { text } of new OllamaClient(fake.url).generate({ model: 'tiny', prompt: 'hello' }))
    words.push(text);

  await until;
  assert.ok(words.length > 0);
}
