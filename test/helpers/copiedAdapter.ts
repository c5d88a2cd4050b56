import fs from 'node:fs';

/** An adapter as a trainer leaves it, in a folder of the test's own. @returns the folder */
export function copiedAdapter(from: string, folder: string): string {
  fs.cpSync(from, folder, { recursive: true });
  return folder;
}
