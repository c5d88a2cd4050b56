const DEFAULT_URL = 'http://127.0.0.1:11434';
const DEFAULT_PORT = '11434';

/**
 * Where Ollama answers: the setting, else `OLLAMA_HOST`, else 127.0.0.1:11434. Never ends in a slash.
 *
 * `OLLAMA_HOST` is what the server binds to, in all the forms that Ollama takes: `0.0.0.0`, `:11434`, `host`, `host:port`,
 * `[::1]:11434`, `http://host` (port 80) and `https://host` (port 443).
 */
export function findOllama(setting: string, ollamaHost: string | undefined): string {
  return parseAddress(setting) ?? parseAddress(ollamaHost ?? '') ?? DEFAULT_URL;
}

/** Whether the server runs on this machine. Only then does it reach a registry of ours on 127.0.0.1. */
export function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function parseAddress(value: string): string | undefined {
  const text = value.trim().replace(/^["']|["']$/g, '');
  if (text === '') return undefined;
  const match = /^(?:(https?):\/\/)?(\[[0-9A-Fa-f:.]+\]|[^:/[\]]*)(?::(\d*))?(?:\/(?!\/).*)?$/i.exec(text);
  const scheme = match?.[1]?.toLowerCase();
  const bound = match?.[2] ?? '';
  if (!match) return undefined;

  const port = Number(match[3] ?? '');
  const given = port > 0 && port <= 65_535 ? String(port) : undefined;
  // As Ollama reads it: a scheme without a port means the port of the scheme, no scheme means 11434.
  const fallback = scheme === 'https' ? '443' : scheme === 'http' ? '80' : DEFAULT_PORT;
  const url = `${scheme ?? 'http'}://${reachable(bound)}:${given ?? fallback}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** "All addresses" is something to bind to, not to call. */
function reachable(host: string): string {
  return host === '' || host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host;
}
