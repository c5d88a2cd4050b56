import * as vscode from 'vscode';
import { joinByCode } from './commands/rooms';
import { shortKey } from './facts';
import { t } from './l10n';
import { parseLink } from './links';
import { confirm, showDone, showError } from './notify';
import type { UiParts } from './parts';

/** Opens links of ours. Any web page may open one, so nothing is joined, asked of peers or fetched before a click. */
export class UriHandler implements vscode.UriHandler {
  constructor(private readonly parts: UiParts) {}

  async handleUri(uri: vscode.Uri): Promise<void> {
    try {
      await this.#open(uri);
    } catch (error) {
      void showError(error, this.parts.log);
    }
  }

  async #open(uri: vscode.Uri): Promise<void> {
    const link = parseLink(uri.path, uri.query);
    switch (link?.kind) {
      case 'join':
        if (await confirmJoin(link.code)) await joinByCode(this.parts, link.code);
        return;
      case 'adapter': {
        if (!(await confirmAdapter(link.id))) return;
        if (link.room !== undefined) await this.#offerRoom(link.room);
        this.parts.openPage({ page: 'adapter', id: link.id });
        return;
      }
      case undefined:
        this.parts.log.warn('A link was opened that is none of ours; it was ignored.');
        void showDone(this.parts.log, t('This link is damaged or not from LoRA Swarm.'), {}, 'warning');
    }
  }

  /** The adapter is only visible from inside its room. A private room needs its invite, which this link is not. */
  async #offerRoom(room: string): Promise<void> {
    const { rooms } = await this.parts.engine.wish('rooms', {});
    if (rooms.some(({ id }) => id === room)) return;
    if (room === 'general') await vscode.commands.executeCommand('loraSwarm.joinGeneral');
    else if (room === 'local') await vscode.commands.executeCommand('loraSwarm.joinLocal');
    else
      void showDone(
        this.parts.log,
        t('The adapter is offered in a private room. Ask who sent you the link for an invite.'),
        {
          [t('Join Private Room…')]: () => vscode.commands.executeCommand('loraSwarm.joinRoom'),
        },
      );
  }
}

function confirmJoin(code: string): Promise<boolean> {
  return confirm(
    t('Join a private room?'),
    t(
      'A link asks you to join the private room with the code that ends in {0}. Its members will see your public key, your IP address, and what you share there.',
      code.slice(-4),
    ),
    t('Join'),
  );
}

function confirmAdapter(id: string): Promise<boolean> {
  return confirm(
    t('Open an adapter?'),
    t('A link asks to show the adapter with the id {0}. Nothing is downloaded before you choose so.', shortKey(id)),
    t('Open'),
  );
}
