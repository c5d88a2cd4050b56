import assert from 'node:assert/strict';
import type { AdapterDetails, ToPanel } from '../../src/shared/panelProtocol';
import { describeInBrowser } from './inBrowser';
import type { OpenPanel } from './panelPage';
import { contentId, details, entry, joined, listOf, models, room, source, transfer, transferDetails } from './samples';

/** What has broken pages before: markup, attributes, URLs, templates, encodings, half-closed things. */
const MARKUP = [
  '<script>RUN</script>',
  '<script src="http://127.0.0.1:9/x.js"></script>',
  '<img src=x onerror="RUN">',
  '<img src="http://127.0.0.1:9/x.png">',
  '<svg onload=RUN>',
  '<svg><script>RUN</script></svg>',
  '<svg><animate onbegin=RUN attributeName=x dur=1s>',
  '<math><mtext></p><img src=x onerror=RUN></mtext></math>',
  '<iframe src="javascript:RUN"></iframe>',
  '<iframe srcdoc="<script>RUN</script>"></iframe>',
  '<body onload=RUN>',
  '<details open ontoggle=RUN>',
  '<video><source onerror=RUN></video>',
  '<input autofocus onfocus=RUN>',
  '<a href="javascript:RUN">x</a>',
  '<a href="command:workbench.action.terminal.new">x</a>',
  '<form action="http://127.0.0.1:9/"><button>x</button></form>',
  '<object data="data:text/html,<script>RUN</script>"></object>',
  '<embed src="data:text/html,<script>RUN</script>">',
  '<link rel=stylesheet href="http://127.0.0.1:9/x.css">',
  '<style>@import "http://127.0.0.1:9/x.css"; * { display: none }</style>',
  '<meta http-equiv=refresh content="0;url=http://127.0.0.1:9/">',
  '<base href="http://127.0.0.1:9/">',
  '<template shadowrootmode=open><script>RUN</script></template>',
  '<vscode-button onclick=RUN autofocus>x</vscode-button>',
];
const WRAPS: readonly ((markup: string) => string)[] = [
  (markup) => markup,
  (markup) => `"'>${markup}`,
  (markup) => `</bdi></span></title></textarea></style></script>${markup}`,
  (markup) => `<!--><!--${markup}-->`,
  (markup) => `]]>${markup}<![CDATA[`,
  (markup) => markup.replaceAll('<', '\u003c').toUpperCase().replaceAll('RUN', 'run'),
  (markup) => `\${${markup}}{{${markup}}}`,
  (markup) => `\u202e${markup}\u0000\u200b`,
];
const PAYLOADS = WRAPS.flatMap((wrap) =>
  MARKUP.map((markup) => wrap(markup).replaceAll(/RUN/gi, 'window.hasRun=true')),
);

/** One payload in every text that somebody else can write. */
function hostile(text: string): AdapterDetails {
  return details(0, {
    name: `${text}/${text}`,
    author: text,
    authorKey: text,
    baseModel: text,
    architecture: text,
    dtype: text,
    license: text,
    version: text,
    signerFingerprint: text,
    targets: [text],
    tags: [text],
    rooms: [text],
    models: [text],
    parents: [text],
    path: text,
    card: text,
    verdict: { verdict: 'exact', reason: text, base: text },
    problems: [{ code: text, severity: 'warn', message: text }],
    layers: [{ name: `model.layers.0.${text}`, norm: 1 }],
    lineage: {
      method: 'svd',
      rank: 8,
      parts: [
        { name: text, weight: 1 },
        { id: text, weight: -1 },
      ],
    },
    extras: { system: text, template: text, parameters: { [text]: text, stop: [text] } },
  });
}

const elements = (panel: OpenPanel): Promise<number> =>
  panel.page.evaluate<number>('document.querySelectorAll("*").length');

/** Posts past the session, which would make the text plain: the page has to be safe by itself. */
async function show(panel: OpenPanel, messages: readonly ToPanel[]): Promise<void> {
  for (const message of messages) panel.post(message);
  await panel.arrived();
}

async function assertNothingRan(panel: OpenPanel, requestsBefore: number): Promise<void> {
  assert.equal(await panel.page.evaluate('window.hasRun'), undefined);
  assert.deepEqual(panel.requests.slice(requestsBefore), []);
  assert.deepEqual(panel.complaints, []);
}

describeInBrowser('text of peers in the page', (open) => {
  it('is 200 different attacks', () => {
    assert.equal(new Set(PAYLOADS).size, 200);
  });

  it('stays text on the Adapter page: nothing runs, loads or becomes an element', async () => {
    const id = contentId(0);
    const panel = await open({
      page: { page: 'adapter', id },
      state: joined,
      answers: { adapter: () => hostile('plain') },
    });
    await panel.page.locator('.facts').waitFor();
    const [count, requests] = [await elements(panel), panel.requests.length];

    for (const payload of PAYLOADS) {
      const problem = { code: 'X', message: payload };
      await show(panel, [
        { type: 'adapter', id, details: hostile(payload), connected: 0 },
        { type: 'engine', engine: engineWith(payload, [transfer(0, { name: payload, phase: 'failed', problem })]) },
      ]);

      assert.equal(await panel.page.locator('.card pre').last().textContent(), payload);
      assert.equal(await elements(panel), count, payload);
    }
    await assertNothingRan(panel, requests);
  });

  it('stays text in both answers of a comparison, while they come and after', async () => {
    const panel = await open({ page: { page: 'compare' }, state: joined, answers: { models: () => models } });
    await panel.page.locator('textarea').waitFor();
    const said = (base: string, model: string, isDone: boolean): ToPanel => {
      const done = isDone ? { done: { tokens: 1, seconds: 1 } } : {};
      const answers = { base: { text: base, ...done }, model: { text: model, ...done } };
      const run = { phase: isDone ? 'done' : 'running', base, model, prompt: base, answers } as const;
      return { type: 'compare', run };
    };
    for (const isDone of [false, true]) {
      await show(panel, [said('plain text', 'plain words', isDone)]);
      const [count, requests] = [await elements(panel), panel.requests.length];

      for (const payload of PAYLOADS) {
        await show(panel, [said(`plain ${payload}`, `plain ${payload} more`, isDone)]);

        assert.equal(await panel.page.locator('.answer-text').first().textContent(), `plain ${payload}`);
        assert.equal(await elements(panel), count, payload);
      }
      await assertNothingRan(panel, requests);
    }
  });

  it('stays text among what can be merged, and in what was', async () => {
    const panel = await open({
      page: { page: 'merge', parts: [contentId(0), contentId(1)] },
      state: joined,
      answers: { ollamaAdapters: () => ({ adapters: [] }) },
    });
    const shown = (text: string): ToPanel => ({
      type: 'merge',
      merge: {
        choices: [0, 1, 2].map((index) => ({
          key: contentId(index),
          name: `${text}${index}`,
          baseModel: `${text}${index}`,
          bytes: 1,
          place: 'folder',
        })),
        run: {
          phase: 'done',
          bytesDone: 1,
          bytesTotal: 1,
          result: {
            path: text,
            method: 'ties',
            bytes: 1,
            pairs: 1,
            error: { whole: 0.5, modules: [{ name: `model.layers.0.${text}`, error: 0.5 }] },
          },
        },
      },
    });
    // What is chosen keeps the name that it was chosen with, so each attack has a page of its own.
    await show(panel, [shown('plain')]);
    const [count, requests] = [await elements(panel), panel.requests.length];

    for (const payload of PAYLOADS) {
      await show(panel, [
        { type: 'page', page: { page: 'merge', parts: [contentId(0), contentId(1)] } },
        shown(payload),
      ]);

      assert.equal(await elements(panel), count, payload);
    }
    await assertNothingRan(panel, requests);
  });

  it('stays text in the list, the filters and the doctor', async () => {
    const panel = await open({
      state: joined,
      answers: { list: listOf([entry(0)]), models: () => models, doctor: () => ({ checks: [] }) },
    });
    await panel.page.locator('.row').first().waitFor();
    const plainList = (text: string): ToPanel[] => [
      { type: 'engine', engine: engineWith(text, []) },
      { type: 'models', models: [{ name: text, base: text }, { name: text }] },
      { type: 'list', query: {}, offset: 0, total: 1, adapters: [hostile(text)] },
    ];
    const doctor = (text: string): ToPanel[] => [
      { type: 'doctor', isRunning: false, checks: [{ id: text, ok: false, detail: text, fix: text }] },
      { type: 'problem', message: text },
    ];
    for (const messages of [plainList, doctor]) {
      if (messages === doctor) {
        panel.post({ type: 'page', page: { page: 'doctor' } });
        await panel.page.locator('.doctor').waitFor();
      }
      await show(panel, messages('plain'));
      const [count, requests] = [await elements(panel), panel.requests.length];

      for (const payload of PAYLOADS) {
        await show(panel, messages(payload));

        assert.equal(await elements(panel), count, payload);
      }
      await assertNothingRan(panel, requests);
    }
  });

  it('stays text on the Transfer page, in names of adapters and of peers', async () => {
    const id = contentId(0);
    const panel = await open({ state: joined, answers: { list: listOf([]), models: () => models } });
    const shown = (text: string, end?: 'gone'): ToPanel => {
      const of = transfer(0, { name: `${text}/${text}`, phase: 'failed', problem: { code: text, message: text } });
      const peers = [source(0, { name: text, key: text }), source(1, { name: text })];
      const details = transferDetails(0, { transfer: of, peers });
      return { type: 'transfer', shown: { id, direction: 'download', details, ...(end && { end }), problem: text } };
    };
    const fresh: ToPanel = { type: 'page', page: { page: 'transfer', id, direction: 'download' } };
    await show(panel, [fresh, shown('plain')]);
    const [count, requests] = [await elements(panel), panel.requests.length];

    for (const payload of PAYLOADS) {
      await show(panel, [fresh, shown(payload)]);

      assert.equal(await panel.page.locator('.peer-name').first().textContent(), payload);
      assert.equal(await elements(panel), count, payload);
    }
    await assertNothingRan(panel, requests);
  });

  it('could not run even if it were markup', async () => {
    const panel = await open({ answers: { list: listOf([]), models: () => models } });
    const answered = panel.answered.length;

    // Straight into the page, as a bug would do it.
    await panel.page.evaluate(
      `document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(PAYLOADS.slice(0, 15).join(''))})`,
    );
    await panel.page.evaluate(
      `{ const script = document.createElement('script'); script.textContent = 'window.hasRun=true'; document.body.append(script); }`,
    );
    await panel.arrived();

    assert.equal(await panel.page.evaluate('window.hasRun'), undefined);
    // The browser reports a request before the policy refuses it; what counts is that none was answered or sent.
    assert.deepEqual(panel.answered.slice(answered), []);
  });
});

describeInBrowser('messages that are none', (open) => {
  it('leave the page as it is', async () => {
    const panel = await open({ state: joined, answers: { list: listOf([entry(0)]), models: () => models } });
    await panel.page.locator('.row').first().waitFor();
    const count = await elements(panel);

    for (const message of [null, 1, 'x', [], {}, { type: 'nothing' }, { type: ['state'] }, { type: '__proto__' }])
      panel.post(message as unknown as ToPanel);
    await panel.arrived();

    assert.equal(await elements(panel), count);
    assert.deepEqual(panel.complaints, []);
  });
});

describeInBrowser('a quiet page', (open) => {
  it('breaks no rule of its policy on any page, and loads nothing but its script and style', async () => {
    const panel = await open({
      state: joined,
      answers: {
        list: listOf([entry(0)]),
        models: () => models,
        adapter: () => hostile('plain'),
        ollamaAdapters: () => ({ adapters: [] }),
        doctor: () => ({ checks: [{ id: 'disk', ok: true, detail: '182 GB free.' }] }),
      },
    });
    await panel.page.locator('.row').first().click();
    await panel.page.locator('.facts').waitFor();
    for (const [tab, ready] of [
      ['Compare', 'textarea'],
      ['Merge', '.merge-parts'],
      ['Doctor', '.check'],
    ] as const) {
      await panel.page.getByRole('navigation').getByRole('button', { name: tab }).click();
      await panel.page.locator(ready).waitFor();
    }

    assert.deepEqual(panel.complaints, []);
    assert.deepEqual(
      panel.requests.map((url) => new URL(url).pathname),
      ['/', '/panel.css', '/main.js'],
    );
  });
});

function engineWith(
  text: string,
  transfers: readonly ReturnType<typeof transfer>[],
): (ToPanel & { type: 'engine' })['engine'] {
  return {
    network: { mode: 'all', isOnline: true },
    rooms: [room({ label: text })],
    transfers,
    peerCount: 1,
    catalogRevision: 0,
  };
}
