import type { SignedRelease } from '../release/release';
import type { AdapterSummary } from '../state';
import type { AuthorNames } from './authorNames';
import type { Authors } from './authors';

/** Who is who, and how authors are called. */
export interface AuthorFactsParts {
  readonly authors: Pick<Authors, 'authorOf' | 'isRevoked'>;
  readonly names: Pick<AuthorNames, 'nameOf'>;
}

/** The facts of a release that every list shows. */
export function summaryOf(signed: SignedRelease, { authors, names }: AuthorFactsParts): AdapterSummary {
  const { release } = signed;
  const { rank, alpha, scale, dtype, parameters, license, shape } = release;
  return {
    id: release.contentId,
    name: names.nameOf(signed),
    author: release.author,
    authorKey: authors.authorOf(signed),
    ...(authors.isRevoked(signed) ? { isRevoked: true } : {}),
    format: release.format,
    targets: release.targets,
    bytes: release.bytes,
    tags: release.tags,
    ...(shape.baseModel !== undefined && { baseModel: shape.baseModel }),
    ...(shape.architecture !== undefined && { architecture: shape.architecture }),
    ...(rank !== undefined && { rank }),
    ...(alpha !== undefined && { alpha }),
    ...(scale !== undefined && { scale }),
    ...(dtype !== undefined && { dtype }),
    ...(parameters !== undefined && { parameters }),
    ...(license !== undefined && { license }),
  };
}

export function fullName({ author, name }: { readonly author: string; readonly name: string }): string {
  return `${author}/${name}`;
}
