import type { InstallRequest } from '../deployWishes';
import type { Tag } from '../ollama/answers';
import type { MadeModel } from '../ollama/install/madeModels';
import { isSameModel } from '../ollama/modelName';
import type { SignedRelease } from '../release/release';
import type { EngineParts } from './parts';
import type { FoundTarget } from './targets';

/** What two releases of one adapter have in common, and which of them is the newer one. */
export function releaseName({ authorKey, release }: SignedRelease): NonNullable<MadeModel['release']> {
  const { author, name, sequence } = release;
  return {
    authorKey: Buffer.from(authorKey).toString('hex'),
    name: `${author}/${name}`,
    ...(sequence === undefined ? {} : { sequence }),
  };
}

/**
 * A model that we made of an earlier release of the same adapter, by the same author, that is still what we made. An author who moved
 * to a new key is the same one; what a revoked key signed is no update of anything. The user may name the model with `as`, or its base.
 */
export function findUpdate(
  { store, authors }: Pick<EngineParts, 'store' | 'authors'>,
  { id, release }: FoundTarget,
  tags: readonly Tag[],
  { as, base }: Pick<InstallRequest, 'as' | 'base'>,
): (MadeModel & { readonly model: string }) | undefined {
  if (!release || authors.isRevoked(release)) return undefined;
  const { name } = releaseName(release);
  const author = authors.authorOf(release);
  const { sequence = 0 } = release.release;
  const made: readonly (MadeModel & { readonly model: string })[] = store.madeModels.list();
  return made.find(
    (record) =>
      record.release?.name === name &&
      authors.keyOf(record.release.authorKey, record.release.sequence) === author &&
      (record.release.sequence ?? 0) <= sequence &&
      record.adapterId !== id &&
      (as === undefined || isSameModel(as, record.model)) &&
      (base === undefined || record.base === undefined || isSameModel(base, record.base)) &&
      tags.some((tag) => tag.digest === record.digest && isSameModel(tag.name, record.model)),
  );
}
