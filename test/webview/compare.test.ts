import assert from 'node:assert/strict';
import type { Wishes } from '../../src/engine/wishes';
import { describeInBrowser } from './inBrowser';
import type { OpenOptions, OpenPanel } from './panelPage';
import { joined, models } from './samples';

const MADE = 'p2p-ana-sql-coder:latest';
const side = (text: string): Wishes['compare']['result']['base'] => ({ text, tokens: 12, seconds: 0.8 });
const page = (answers: OpenOptions['answers'], more: OpenOptions = {}): OpenOptions => ({
  page: { page: 'compare', model: MADE },
  state: joined,
  answers: { models: () => models, ...answers },
  ...more,
});
const answer = (panel: OpenPanel, nth: 0 | 1) => panel.page.locator('.answer-text').nth(nth);

async function ask(panel: OpenPanel, prompt = 'Who is over 30?'): Promise<void> {
  await panel.page.getByRole('textbox', { name: 'Prompt' }).fill(prompt);
  await panel.page.getByRole('button', { name: 'Run' }).click();
}

describeInBrowser('the Compare page', (open) => {
  it('finds the base of the model that it was opened for', async () => {
    const panel = await open(page({ compare: () => ({ base: side('a'), model: side('b') }) }));

    await ask(panel);

    const { base, model, prompt, tokens } = await panel.intent('compare');
    assert.deepEqual([base, model, prompt, tokens], ['llama3.2:latest', MADE, 'Who is over 30?', 128]);
  });

  it('takes names that leave the tag out', async () => {
    const panel = await open(
      page(
        { compare: () => ({ base: side('a'), model: side('b') }) },
        { page: { page: 'compare', base: 'gemma2:2b', model: 'p2p-ana-sql-coder' } },
      ),
    );

    await ask(panel);

    const { base, model } = await panel.intent('compare');
    assert.deepEqual([base, model], ['gemma2:2b', MADE]);
  });

  it('shows both answers while they come, and reads them out only when they are whole', async () => {
    let finish: (result: Wishes['compare']['result']) => void = () => undefined;
    const panel = await open(
      page({
        compare: (_, options) => {
          options?.onProgress?.({ kind: 'compare', side: 'base', text: 'SELECT' });
          options?.onProgress?.({ kind: 'compare', side: 'model', text: 'SELECT name,' });
          return new Promise((resolve) => (finish = resolve));
        },
      }),
    );
    await ask(panel);
    await answer(panel, 1).getByText('SELECT name,').waitFor();

    assert.equal(await answer(panel, 0).textContent(), 'SELECT');
    assert.deepEqual(
      [await answer(panel, 0).getAttribute('aria-live'), await answer(panel, 0).getAttribute('aria-busy')],
      ['polite', 'true'],
    );

    finish({ base: side('SELECT name FROM users'), model: side('SELECT name, age FROM users') });
    await panel.page.getByText('The answers part after 1 common word.').waitFor();

    assert.equal(await answer(panel, 0).textContent(), 'SELECT name FROM users');
    assert.equal(await answer(panel, 0).getAttribute('aria-busy'), 'false');
    assert.deepEqual(await panel.page.locator('mark').allTextContents(), ['name', 'name,']);
    assert.equal(
      await panel.page.locator('.answer-figures').first().textContent(),
      '12 tokens · 0.8 sec · 15 tokens/s',
    );
  });

  it('says it loudly when both answers are the same', async () => {
    const panel = await open(page({ compare: () => ({ base: side('Yes.\n'), model: side('Yes.') }) }));

    await ask(panel);

    const note = panel.page.getByRole('status').filter({ hasText: 'NO EFFECT HERE: the two answers are identical.' });
    await note.waitFor();
    assert.equal(await panel.page.locator('mark').count(), 0);
    assert.ok(await note.locator('.notice.bad.loud').isVisible());
  });

  it('stops, keeps what was said, and claims nothing', async () => {
    let signal: AbortSignal | undefined;
    const panel = await open(
      page({
        compare: (_, options) => {
          signal = options?.signal;
          options?.onProgress?.({ kind: 'compare', side: 'base', text: 'The same' });
          options?.onProgress?.({ kind: 'compare', side: 'model', text: 'The same' });
          return new Promise(() => undefined);
        },
      }),
    );
    await ask(panel);
    await answer(panel, 1).getByText('The same').waitFor();

    await panel.page.getByRole('button', { name: 'Stop' }).click();

    await panel.page.getByText('Stopped before both had finished.').waitFor();
    assert.ok(signal?.aborted);
    assert.equal(await answer(panel, 1).textContent(), 'The same');
    assert.equal(await panel.page.getByText('identical').count(), 0);
    await panel.page.getByRole('button', { name: 'Run' }).waitFor();
  });

  it('runs from the keyboard, and the focus stays in the form', async () => {
    const panel = await open(page({ compare: () => new Promise(() => undefined) }));
    const prompt = panel.page.getByRole('textbox', { name: 'Prompt' });

    await prompt.fill('Why?');
    await prompt.press('Control+Enter');
    await panel.intent('compare');
    await panel.page.getByRole('button', { name: 'Stop' }).waitFor();
    assert.equal(await panel.page.evaluate('document.activeElement.tagName'), 'TEXTAREA');

    await panel.page.getByRole('button', { name: 'Stop' }).focus();
    await panel.page.keyboard.press('Enter');
    await panel.page.getByRole('button', { name: 'Run' }).waitFor();
    assert.equal(await panel.page.evaluate('document.activeElement.textContent'), 'Run');
  });

  it('asks for a prompt and for two models before it asks anybody else', async () => {
    const panel = await open(page({}));

    await panel.page.getByRole('button', { name: 'Run' }).click();
    await panel.page.getByText('Write a prompt first.').waitFor();
    await panel.page.getByRole('combobox', { name: 'Base' }).click();
    await panel.page.getByRole('option', { name: MADE }).click();
    await ask(panel);
    await panel.page.getByText('Choose two different models.').waitFor();

    assert.ok(!panel.intents.some(({ type }) => type === 'compare'));
  });

  it('says where to look when Ollama has nothing', async () => {
    const panel = await open({ page: { page: 'compare' }, state: joined, answers: { models: () => ({ models: [] }) } });

    await panel.page.getByRole('button', { name: 'Run Doctor' }).click();

    assert.deepEqual((await panel.intent('open')).page, { page: 'doctor' });
  });

  it('says what failed where the user looks', async () => {
    const panel = await open(page({ compare: () => Promise.reject(new Error('secret detail')) }));

    await ask(panel);

    await panel.page.getByText('There was no answer.').waitFor();
    assert.match((await panel.page.getByRole('alert').textContent()) ?? '', /Something went wrong/);
  });

  it('puts the answers below each other in a narrow panel, and beside each other in a wide one', async () => {
    const tops = async (width: number): Promise<number[]> => {
      const panel = await open(page({ compare: () => ({ base: side('a'), model: side('b') }) }, { width }));
      await ask(panel);
      await panel.page.locator('mark').first().waitFor();
      return panel.page.evaluate<number[]>(
        '[...document.querySelectorAll(".answer")].map((element) => element.getBoundingClientRect().top)',
      );
    };

    const [narrow, wide] = [await tops(320), await tops(900)];

    assert.ok(narrow[1]! > narrow[0]!);
    assert.equal(wide[1], wide[0]);
  });

  it('keeps the prompt and the last answers while it is out of sight', async () => {
    const answers = { compare: () => ({ base: side('one'), model: side('two') }) };
    const panel = await open(page(answers));
    await ask(panel, 'Keep me');
    await panel.page.locator('mark').first().waitFor();

    const { kept } = panel;
    await panel.page.reload();
    await panel.page.locator('mark').first().waitFor();

    assert.equal(await answer(panel, 1).textContent(), 'two');

    const again = await open(page(answers, { kept }));
    assert.equal(await again.page.getByRole('textbox', { name: 'Prompt' }).inputValue(), 'Keep me');
  });
});
