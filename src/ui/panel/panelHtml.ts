import { randomBytes } from 'node:crypto';

export interface PanelHtmlOptions {
  /** What `webview.cspSource` says: where files of the extension come from. */
  readonly cspSource: string;
  readonly scriptUri: string;
  readonly styleUri: string;
  /** BCP 47 tag of the editor's language. */
  readonly language: string;
}

/** 128 bits: nobody guesses it, and each page has its own. */
function makeNonce(): string {
  return randomBytes(16).toString('base64url');
}

/**
 * The page of the panel: one script, one style sheet, an empty element. All else is built from messages.
 *
 * The page may run the script with this nonce and load our own styles. It may not fetch, embed, submit or navigate
 * anything, so even text that found its way into markup could neither run nor reach anybody.
 */
export function panelHtml(options: PanelHtmlOptions): string {
  const nonce = makeNonce();
  // The widget toolkit adds one empty <style> to learn what the browser can do, and looks for its nonce in the page.
  // It is another nonce than the script's, so knowing it runs nothing.
  const styleNonce = makeNonce();
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${options.cspSource} 'nonce-${styleNonce}'`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="${escapeAttribute(options.language)}">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${escapeAttribute(policy)}" />
    <meta property="csp-nonce" content="${styleNonce}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>LoRA Swarm</title>
    <link rel="stylesheet" href="${escapeAttribute(options.styleUri)}" />
  </head>
  <body>
    <div id="app"></div>
    <script nonce="${nonce}" src="${escapeAttribute(options.scriptUri)}"></script>
  </body>
</html>
`;
}

function escapeAttribute(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
