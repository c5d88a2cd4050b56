import assert from 'node:assert/strict';
import { panelHtml } from '../../../src/ui/panel/panelHtml';

const options = {
  cspSource: 'https://*.vscode-cdn.net',
  scriptUri: 'https://file.vscode-cdn.net/dist/webview/main.js',
  styleUri: 'https://file.vscode-cdn.net/media/panel.css',
  language: 'pt-br',
};
const policyOf = (html: string): Map<string, string> => {
  const content = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)![1]!;
  return new Map(
    content.split('; ').map((rule) => {
      const space = rule.indexOf(' ');
      return [rule.slice(0, space), rule.slice(space + 1)];
    }),
  );
};

describe('the page of the panel', () => {
  it('allows one script, our own styles, and nothing else', () => {
    const policy = policyOf(panelHtml(options));

    assert.deepEqual([...policy.keys()], ['default-src', 'script-src', 'style-src', 'base-uri', 'form-action']);
    assert.equal(policy.get('default-src'), `'none'`);
    assert.match(policy.get('script-src')!, /^'nonce-[\w-]{22}'$/);
    assert.match(policy.get('style-src')!, /^https:\/\/\*\.vscode-cdn\.net 'nonce-[\w-]{22}'$/);
    assert.equal(policy.get('base-uri'), `'none'`);
    assert.equal(policy.get('form-action'), `'none'`);
  });

  it('gives the nonce to its one script', () => {
    const html = panelHtml(options);
    const nonce = /'nonce-([^']+)'/.exec(policyOf(html).get('script-src')!)![1]!;

    assert.deepEqual(html.match(/<script[^>]*>/g), [`<script nonce="${nonce}" src="${options.scriptUri}">`]);
    assert.equal(html.match(/\son\w+=/), null);
  });

  it('has other nonces every time, and never the same for script and style', () => {
    const nonces = Array.from({ length: 100 }, () => {
      const policy = policyOf(panelHtml(options));
      return [policy.get('script-src')!, policy.get('style-src')!].map((rule) => /nonce-([^']+)/.exec(rule)![1]!);
    });

    assert.equal(new Set(nonces.flat()).size, 200);
  });

  it('keeps what it is given inside its attributes', () => {
    const html = panelHtml({ ...options, language: `en"><script>`, styleUri: `x" onload="y`, scriptUri: `a&b<c>'"` });

    assert.match(html, /<html lang="en&quot;&gt;&lt;script&gt;">/);
    assert.match(html, /href="x&quot; onload=&quot;y"/);
    assert.match(html, /src="a&amp;b&lt;c&gt;'&quot;"/);
  });
});
