import type { LibraryState } from '../../src/engine/state';
import type { Open } from './inBrowser';
import type { OpenOptions, OpenPanel } from './panelPage';
import {
  checks,
  contentId,
  downloaded,
  entry,
  joined,
  listOf,
  models,
  room,
  source,
  transfer,
  transferDetails,
} from './samples';

const LONG =
  'an-author-with-a-very-long-name-that-goes-on-and-on/an-adapter-with-a-name-of-the-same-kind-without-a-break';
const RIGHT_TO_LEFT = 'نموذج-اللغة-العربية-الكبير-جدا/אבגדהוזחטיכלמנסעפצקרשת';
const hard = downloaded(0, {
  name: LONG,
  baseModel: RIGHT_TO_LEFT,
  license: 'x'.repeat(200),
  tags: ['y'.repeat(80), RIGHT_TO_LEFT],
  models: ['z'.repeat(80)],
  problems: [{ code: 'X', severity: 'warn', message: 'w'.repeat(300) }],
  card: `${'v'.repeat(500)}\n${RIGHT_TO_LEFT}`,
  layers: [{ name: `model.layers.0.${'u'.repeat(100)}`, norm: 1 }],
});
const state = {
  ...joined,
  rooms: [room({ label: 'r'.repeat(100) })],
  transfers: [transfer(0, { phase: 'failed', problem: { code: 'X', message: 'q'.repeat(300) } })],
};

const hardToMerge = (index: number): LibraryState => ({
  ...entry(index),
  name: LONG,
  baseModel: index === 0 ? RIGHT_TO_LEFT : LONG,
  path: '/x',
  models: [],
  addedAt: 1,
});

export interface HardPage extends OpenOptions {
  readonly ready: string;
  /** Brings the page to where it has most to show. */
  readonly use?: (panel: OpenPanel) => Promise<void>;
}

/** Opens a page where it has most to show. */
export async function openReady(
  open: Open,
  { ready, use, ...options }: HardPage,
  change: OpenOptions = {},
): Promise<OpenPanel> {
  const panel = await open({ ...options, ...change });
  await panel.page.locator(ready).first().waitFor();
  await use?.(panel);
  return panel;
}

/** Each page with names, texts and figures as long and as foreign as they may be. */
export const HARD_PAGES: Readonly<Record<string, HardPage>> = {
  explore: {
    state,
    answers: { list: listOf([hard, entry(1)]), models: () => models },
    ready: '.row',
    use: ({ page }) => page.getByText('Filters').click(),
  },
  'explore without rooms': { answers: { list: listOf([]), models: () => models }, ready: '.empty-buttons' },
  adapter: { page: { page: 'adapter', id: contentId(0) }, state, answers: { adapter: () => hard }, ready: '.facts' },
  transfer: {
    page: { page: 'transfer', id: contentId(0), direction: 'download' },
    state,
    answers: {
      transfer: () =>
        transferDetails(0, {
          transfer: transfer(0, { name: LONG, phase: 'queued', place: 10_000, bytesTotal: 4e9, bytesDone: 3.9e9 }),
          peers: [
            source(0, { name: LONG, path: 'lane', rate: 999e6, bytes: 4e9, rttMs: 99_999 }),
            source(1, { name: RIGHT_TO_LEFT, path: 'relay', phase: 'opening' }),
          ],
        }),
    },
    ready: '.source',
  },
  'transfer that failed': {
    page: { page: 'transfer', id: contentId(0), direction: 'download' },
    state,
    answers: {
      transfer: () =>
        transferDetails(0, {
          transfer: transfer(0, {
            name: RIGHT_TO_LEFT,
            phase: 'failed',
            problem: { code: 'STORE_FULL', message: LONG },
          }),
        }),
    },
    ready: '.source',
  },
  compare: {
    page: { page: 'compare', model: `${'m'.repeat(80)}:latest` },
    state,
    answers: {
      models: () => ({ models: [...models.models, { ...models.models[1]!, name: `${'m'.repeat(80)}:latest` }] }),
      compare: () => ({
        base: { text: 'b'.repeat(2_000), tokens: 1_000, seconds: 100 },
        model: { text: `${RIGHT_TO_LEFT}\n${LONG}`, tokens: 1, seconds: 0.01 },
      }),
    },
    ready: 'textarea',
    use: async ({ page }) => {
      await page.getByRole('textbox', { name: 'Prompt' }).fill('p'.repeat(300));
      await page.getByRole('button', { name: 'Run' }).click();
      await page.locator('mark').first().waitFor();
    },
  },
  merge: {
    page: { page: 'merge', parts: [contentId(0), contentId(1)] },
    state: { ...state, library: [hardToMerge(0), hardToMerge(1)] },
    pickedFolder: `/home/${'f'.repeat(300)}`,
    answers: {
      ollamaAdapters: () => ({ adapters: [] }),
      mergeAdapters: ({ out }) => ({
        path: out,
        method: 'svd',
        bytes: 1e6,
        pairs: 2,
        parents: [],
        error: { whole: 0.1, modules: [{ name: `model.layers.0.${'u'.repeat(100)}`, error: 0.1 }] },
      }),
    },
    ready: '.part',
    use: async ({ page }) => {
      await page.getByRole('button', { name: 'Merge…' }).click();
      await page.locator('.strength').waitFor();
    },
  },
  doctor: {
    page: { page: 'doctor' },
    state,
    answers: { doctor: () => ({ checks: [...checks, { id: 'x', ok: false, detail: 'p'.repeat(300), fix: LONG }] }) },
    ready: '.check',
  },
};
