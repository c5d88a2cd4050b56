import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log';
import { makeFolder, removeFolder } from './files';
import { readPackageFacts } from './packageFiles';
import { isContentId, type PackageArea } from './paths';
import type { Store } from './store';

/**
 * Brings folders and rows together after a crash at any point, and after the database was moved away. Run once, before
 * anything else uses the store.
 */
export async function recover(store: Store, log: Logger): Promise<void> {
  const { paths, journal, library, shared } = store;
  for (const area of ['library', 'partial', 'shared'] as const) await makeFolder(paths.area(area));
  await removeFolder(paths.temporary);
  await makeFolder(paths.temporary);

  for (const id of await idsIn(store, 'library'))
    if (!(await library.load(id))) log.warn(`library: ${id} is not whole and was left out`);
  for (const id of library.rows()) if (!library.get(id)) library.forget(id);

  // Cancelled, then killed before all of it was gone.
  for (const id of journal.discarded()) {
    await removeFolder(paths.package('partial', id));
    journal.remove(id);
  }
  for (const id of await idsIn(store, 'partial')) {
    const folder = paths.package('partial', id);
    const facts = await readPackageFacts(folder, id);
    // In the library: killed after the rename of another copy. No manifest anywhere: nobody knows what this is.
    if (library.get(id) || !(facts ?? journal.get(id))) await removeFolder(folder);
    else if (facts && !journal.get(id)) {
      journal.remove(id); // A row that can't be read.
      journal.begin(facts.manifest, { release: facts.release });
    }
  }
  for (const id of journal.ids()) if (library.get(id) || !journal.get(id)) journal.remove(id);

  for (const id of await shared.load()) log.warn(`shared: the description of ${id} is damaged, share it again`);
  for (const id of await idsIn(store, 'shared'))
    if (!shared.hasRow(id)) await removeFolder(paths.package('shared', id));
}

async function idsIn(store: Store, area: PackageArea): Promise<string[]> {
  const entries = await readdir(join(store.paths.area(area)), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && isContentId(entry.name)).map(({ name }) => name);
}
