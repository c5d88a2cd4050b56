import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * An Ollama whose folders this program cannot read, as when it runs under another account or in a container: everything goes through
 * to the real one, but the paths that it tells lead nowhere here.
 */
export async function hideFolder(url: string, folder: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request;
    const onward = http.request(new URL(path, url), { method, headers, agent: false }, (answer) => {
      if (path !== '/api/show') {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        return;
      }
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        const { 'content-length': _whole, 'transfer-encoding': _chunked, ...kept } = answer.headers;
        response.writeHead(answer.statusCode ?? 502, kept);
        response.end(Buffer.concat(parts).toString('utf8').replaceAll(folder, '/var/lib/elsewhere'));
      });
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
