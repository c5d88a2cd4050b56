import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ROOT, findNode } from '../run/machine';
import type { Fault } from './fault';

const ROUNDS = 3;
const SUITE = path.join('test', 'swarm', 'openRoom.test.ts');

/** The suite that `npm test` runs with a quarter of the peers. */
export const crowd: Fault = {
  id: 'R19',
  title: 'a hundred peers and a thousand more in the general room',
  isLong: true,
  strike: async (bout) => {
    for (let round = 1; round <= ROUNDS; round++)
      await bout.point(`round ${round}`, async () => {
        const { code, output } = await run();
        assert.equal(code, 0, output);
        bout.note(`round ${round}: ${[...output.matchAll(/\((\d+ms)\)/g)].map((match) => match[1]).join(', ')}`);
        return undefined;
      });
  },
};

async function run(): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(findNode(), [path.join('node_modules', 'mocha', 'bin', 'mocha.js'), SUITE], {
    cwd: ROOT,
    env: { ...process.env, LORA_SWARM_TEST_WHOLE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output.trim() };
}
