import assert from 'node:assert/strict';
import { describeInBrowser } from './inBrowser';
import { checks, joined } from './samples';

describeInBrowser('the Doctor page', (open) => {
  it('puts what needs attention on top, each with what to do', async () => {
    const panel = await open({ page: { page: 'doctor' }, state: joined, answers: { doctor: () => ({ checks }) } });
    await panel.page.getByText('2 of 5 checks need attention.').waitFor();

    const items = await panel.page.locator('.check').allTextContents();

    assert.match(items[0]!, /^Needs attentionRooms peers.*What to do.*same code/);
    assert.match(items[1]!, /^Needs attentionOllama route/);
    assert.ok(items.slice(2).every((text) => text.startsWith('Passed')));
  });

  it('says that all is well', async () => {
    const good = checks.filter(({ ok }) => ok);
    const panel = await open({ page: { page: 'doctor' }, answers: { doctor: () => ({ checks: good }) } });

    await panel.page.getByRole('status').getByText('All 3 checks passed.').waitFor();
  });

  it('runs again, and not twice at once', async () => {
    const waiting: (() => void)[] = [];
    const panel = await open({
      page: { page: 'doctor' },
      answers: { doctor: () => new Promise((resolve) => waiting.push(() => resolve({ checks }))) },
    });
    const again = panel.page.locator('vscode-button').first();
    await panel.page.getByRole('status').getByText('Checking…').waitFor();

    await again.click();
    assert.equal(waiting.length, 1);
    waiting[0]!();
    await panel.page.getByText('2 of 5 checks need attention.').waitFor();
    await again.click();
    await panel.intent('doctor');

    assert.equal(waiting.length, 2);
    waiting[1]!();
  });

  it('opens the log', async () => {
    const panel = await open({ page: { page: 'doctor' }, answers: { doctor: () => ({ checks }) } });

    await panel.page.getByText('Show Log').click();
    await panel.intent('run');

    assert.deepEqual(panel.commands, [{ command: 'loraSwarm.showLog' }]);
  });
});
