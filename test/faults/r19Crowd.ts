import assert from 'node:assert/strict';
import path from 'node:path';
import { ROOT } from '../run/machine';
import type { Fault } from './fault';
import { runNode } from './runNode';

const ROUNDS = 3;
const MOCHA = path.join('node_modules', 'mocha', 'bin', 'mocha.js');
const SUITE = path.join('test', 'swarm', 'openRoom.test.ts');

/** The suite that `npm test` runs with a quarter of the peers. */
export const crowd: Fault = {
  id: 'R19',
  title: 'a hundred peers and a thousand more in the general room',
  isLong: true,
  strike: async (bout) => {
    for (let round = 1; round <= ROUNDS; round++)
      await bout.point(`round ${round}`, async () => {
        const { code, output } = await runNode(ROOT, [MOCHA, SUITE], { ...process.env, LORA_SWARM_TEST_WHOLE: '1' });
        assert.equal(code, 0, output);
        bout.note(`round ${round}: ${[...output.matchAll(/\((\d+ms)\)/g)].map((match) => match[1]).join(', ')}`);
        return undefined;
      });
  },
};
