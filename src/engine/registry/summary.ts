import type { SignedRelease } from '../release/release';
import type { AdapterSummary } from '../state';

/** The facts of a release that every list shows. */
export function summaryOf({ release, authorKey }: SignedRelease): AdapterSummary {
  const { rank, alpha, scale, dtype, parameters, license, shape } = release;
  return {
    id: release.contentId,
    name: fullName(release),
    author: release.author,
    authorKey: Buffer.from(authorKey).toString('hex'),
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
