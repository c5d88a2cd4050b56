import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { engineSurroundings } from '../../../src/ui/engineOptions';

const home = resolve('/storage/lora-swarm');

describe('engineSurroundings', () => {
  it('lives in the folder of the extension when nothing else is said', () => {
    assert.deepEqual(engineSurroundings({}, '', home), { home });
  });

  it('prefers the setting, and the environment over the setting', () => {
    const chosen = resolve('/data/chosen');
    const forced = resolve('/data/forced');

    assert.equal(engineSurroundings({}, chosen, home).home, chosen);
    assert.equal(engineSurroundings({ LORA_SWARM_HOME: forced }, chosen, home).home, forced);
  });

  it('understands the home folder of the user', () => {
    assert.equal(engineSurroundings({ HOME: home }, '~/swarm', home).home, join(home, 'swarm'));
  });

  it('reads addresses as the command line does', () => {
    const environment = {
      LORA_SWARM_BOOTSTRAP: '127.0.0.1:49737, 127.0.0.1:49738',
      LORA_SWARM_HOST: '127.0.0.1',
      OLLAMA_HOST: '127.0.0.1:11434',
    };

    assert.deepEqual(engineSurroundings(environment, '', home), {
      home,
      bootstrap: ['127.0.0.1:49737', '127.0.0.1:49738'],
      host: '127.0.0.1',
      ollamaHost: '127.0.0.1:11434',
    });
  });

  it('refuses a folder that depends on where the editor was started, and a node that is none', () => {
    assert.throws(() => engineSurroundings({}, 'data/swarm', home), { code: 'SETTING_INVALID' });
    assert.throws(() => engineSurroundings({ LORA_SWARM_BOOTSTRAP: 'nowhere' }, '', home), { code: 'SETTING_INVALID' });
  });
});
