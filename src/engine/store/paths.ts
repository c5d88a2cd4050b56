import { join } from 'node:path';
import { LoraSwarmError } from '../errors';

/** Names in a package folder, beside the files that `FILE_ROLES` names. */
export const MANIFEST_NAME = 'manifest.bin';
export const CHUNKS_NAME = 'chunks.bin';
export const RELEASE_NAME = 'release.bin';

/** `library` verified downloads, `partial` unfinished ones, `shared` what we know of adapters that are shared. */
export type PackageArea = 'library' | 'partial' | 'shared';

/** Where things lie in the storage folder. The only place that makes paths of ids. */
export class StorePaths {
  readonly database: string;
  /** For what is being built or thrown away. Emptied at every start; one file system with the rest, so renames work. */
  readonly temporary: string;

  constructor(readonly home: string) {
    this.database = join(home, 'engine.db');
    this.temporary = join(home, 'tmp');
  }

  area(area: PackageArea): string {
    return join(this.home, area);
  }

  /** @throws {LoraSwarmError} `ID_UNKNOWN` for what is no content id, so that no other text ever becomes a path. */
  package(area: PackageArea, id: string): string {
    if (!isContentId(id))
      throw new LoraSwarmError('ID_UNKNOWN', 'This is no id of an adapter: 64 digits and letters a to f.');
    return join(this.home, area, id);
  }
}

export function isContentId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
