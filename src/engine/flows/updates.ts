import type { InstallRequest } from '../deployWishes';
import type { Tag } from '../ollama/answers';
import type { MadeModel } from '../ollama/install/madeModels';
import { isSameModel } from '../ollama/modelName';
import type { SignedRelease } from '../release/release';
import type { EngineParts } from './parts';
import type { FoundTarget } from './targets';

/** What two releases of one adapter have in common. */
export function releaseName({ authorKey, release }: SignedRelease): NonNullable<MadeModel['release']> {
  return { authorKey: Buffer.from(authorKey).toString('hex'), name: `${release.author}/${release.name}` };
}

/**
 * A model that we made of another release of the same adapter, by the same author, that is still what we made. The user may name
 * it with `as`, or its base.
 */
export function findUpdate(
  { store }: Pick<EngineParts, 'store'>,
  { id, release }: FoundTarget,
  tags: readonly Tag[],
  { as, base }: Pick<InstallRequest, 'as' | 'base'>,
): (MadeModel & { readonly model: string }) | undefined {
  if (!release) return undefined;
  const { authorKey, name } = releaseName(release);
  const made: readonly (MadeModel & { readonly model: string })[] = store.madeModels.list();
  return made.find(
    (record) =>
      record.release?.authorKey === authorKey &&
      record.release.name === name &&
      record.adapterId !== id &&
      (as === undefined || isSameModel(as, record.model)) &&
      (base === undefined || record.base === undefined || isSameModel(base, record.base)) &&
      tags.some((tag) => tag.digest === record.digest && isSameModel(tag.name, record.model)),
  );
}
