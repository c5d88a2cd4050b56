import assert from 'node:assert/strict';
import http from 'node:http';
import { LoopbackRegistry } from '../../../src/engine/ollama/registry/loopbackRegistry';

const DIGEST = `sha256:${'0'.repeat(64)}`;

describe('registry on this machine', () => {
  let registry: LoopbackRegistry;
  let base: string;

  beforeEach(async () => {
    registry = new LoopbackRegistry();
    await registry.open();
    const [host = '', ...repository] = registry.model.replace(/:v1$/, '').split('/');
    base = `http://${host}/v2/${repository.join('/')}`;
  });
  afterEach(() => registry.close());

  it('takes a manifest and gives back another, and has every blob', async () => {
    assert.equal(await ask('HEAD', `${base}/blobs/${DIGEST}`), 200);
    assert.equal(await ask('GET', `${base}/manifests/v1`), 404); // Nothing to give yet.
    assert.equal(await ask('PUT', `${base}/manifests/v1`, '{"a":1}'), 201);
    registry.serve(Buffer.from('{"b":2}'));

    const got = await fetch(`${base}/manifests/v1`);

    assert.equal(registry.pushed?.toString(), '{"a":1}');
    assert.equal(await got.text(), '{"b":2}');
    assert.ok(registry.wasAsked);
  });

  it('answers 404 to everything else, never 401', async () => {
    const { origin } = new URL(base);
    const other = base.replace(/x[0-9a-f]{16}$/, `x${'0'.repeat(16)}`);
    registry.serve(Buffer.from('{}'));

    for (const [method, url] of [
      ['GET', `${origin}/`],
      ['GET', `${origin}/v2/`],
      ['GET', `${other}/manifests/v1`],
      ['PUT', `${other}/manifests/v1`],
      ['GET', `${base}/manifests/v2`],
      ['GET', `${base}/blobs/${DIGEST}`],
      ['HEAD', `${base}/blobs/../../x`],
      ['POST', `${base}/blobs/uploads/`],
      ['DELETE', `${base}/manifests/v1`],
      ['GET', `${base}/../x/manifests/v1`],
    ] as const)
      assert.equal(await ask(method, url), 404, `${method} ${url}`);
    assert.equal(registry.pushed, undefined);
  });

  it('does not answer to another name for this machine', async () => {
    assert.equal(await ask('HEAD', `${base}/blobs/${DIGEST}`, undefined, { host: 'evil.example' }), 404);
    assert.equal(registry.wasAsked, false);
  });

  it('refuses a manifest without end', async () => {
    const status = await ask('PUT', `${base}/manifests/v1`, 'x'.repeat(2 * 1024 * 1024)).catch(() => 413);

    assert.equal(status, 413);
    assert.equal(registry.pushed, undefined);
  });

  it('is reachable from this machine only, and gone after close', async () => {
    assert.match(registry.model, /^127\.0\.0\.1:\d+\/loraswarm\/x[0-9a-f]{16}:v1$/);

    await registry.close();

    await assert.rejects(ask('HEAD', `${base}/blobs/${DIGEST}`), { code: 'ECONNREFUSED' });
  });
});

function ask(method: string, url: string, body?: string, headers: http.OutgoingHttpHeaders = {}): Promise<number> {
  const { hostname, port } = new URL(url);
  const path = url.slice(url.indexOf('/', 8)); // As it is: `URL` would resolve the dots.
  return new Promise((resolve, reject) => {
    const request = http.request({ method, hostname, port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end(body);
  });
}
