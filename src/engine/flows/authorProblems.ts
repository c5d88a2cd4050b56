import type { AdapterProblem } from '../adapter/adapterInfo';
import { warning } from '../adapter/problems';
import type { SignedRelease } from '../release/release';
import { fingerprintOf } from './fingerprint';
import type { EngineParts } from './parts';

/** What is to be known of who signed a release, before it is trusted. */
export function authorProblems(
  { authors }: Pick<EngineParts, 'authors'>,
  release: SignedRelease | undefined,
): AdapterProblem[] {
  if (!release) return [];
  const { isRevoked, disputed } = authors.facts(Buffer.from(release.authorKey).toString('hex'));
  if (isRevoked)
    return [
      warning(
        'author-revoked',
        'The author revoked the key that signed this: it may be somebody else’s work. It is no update of anything. What you installed stays.',
      ),
    ];
  if (authors.isRevoked(release))
    return [
      warning(
        'author-moved-on',
        'This was signed with a key that its author had given up before: it may be somebody else’s work. It is no update of anything.',
      ),
    ];
  if (disputed.length > 0)
    return [
      warning(
        'author-disputed',
        `The author's key is claimed by two new ones, ${disputed.map(short).join(' and ')}. Neither is taken for the author; ask them which is theirs.`,
      ),
    ];
  return [];
}

function short(key: string): string {
  return fingerprintOf(Buffer.from(key, 'hex'));
}
