import assert from 'node:assert/strict';
import { findOllama, isLoopbackUrl } from '../../../src/engine/ollama/address';

describe('address of Ollama', () => {
  it('is the setting, then OLLAMA_HOST, then the default', () => {
    assert.equal(findOllama('http://127.0.0.1:5000', '127.0.0.1:6000'), 'http://127.0.0.1:5000');
    assert.equal(findOllama('', '127.0.0.1:6000'), 'http://127.0.0.1:6000');
    assert.equal(findOllama('', ''), 'http://127.0.0.1:11434');
    assert.equal(findOllama('  ', undefined), 'http://127.0.0.1:11434');
  });

  for (const [host, url] of [
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:8080', 'http://127.0.0.1:8080'],
    [':11435', 'http://127.0.0.1:11435'],
    ['gpu-box', 'http://gpu-box:11434'],
    ['gpu-box:80', 'http://gpu-box'],
    ['http://gpu-box', 'http://gpu-box'],
    ['https://ollama.example', 'https://ollama.example'],
    ['https://ollama.example:444/', 'https://ollama.example:444'],
    ['[::]', 'http://127.0.0.1:11434'],
    ['[::1]:7000', 'http://[::1]:7000'],
    ['"127.0.0.1:7000"', 'http://127.0.0.1:7000'],
    ['127.0.0.1:99999', 'http://127.0.0.1:11434'],
    ['127.0.0.1:0', 'http://127.0.0.1:11434'],
  ] as const)
    it(`reads OLLAMA_HOST ${host} as Ollama does`, () => assert.equal(findOllama('', host), url));

  for (const host of ['ftp://x', 'a b', 'http://user:pw@host', '::::'])
    it(`takes the default instead of ${host}`, () => assert.equal(findOllama('', host), 'http://127.0.0.1:11434'));

  it('knows this machine from others', () => {
    for (const url of ['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1', 'http://127.9.8.7'])
      assert.equal(isLoopbackUrl(url), true, url);
    for (const url of ['http://127.0.0.1.evil.example', 'http://10.0.0.1', 'https://localhost.example'])
      assert.equal(isLoopbackUrl(url), false, url);
  });
});
