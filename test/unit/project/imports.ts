import fs from 'node:fs';
import path from 'node:path';

/** One import of a source file, both ends as paths from the root of the project. */
export interface Import {
  readonly from: string;
  /** A file such as `src/engine/errors.ts`, or the name of a package. */
  readonly to: string;
  readonly isTypeOnly: boolean;
}

// Prettier has set the form: one statement starts a line and ends with its specifier.
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;

/** Every TypeScript file under the folders, as paths from the root with `/`. */
export function sourceFiles(root: string, folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((name) => path.join(folder, name)),
    )
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.split(path.sep).join('/'))
    .sort();
}

/** Reads the imports of a file from its text. */
export function importsOf(root: string, file: string): Import[] {
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(STATEMENT)].map((match) => {
    const specifier = match[2] ?? match[3]!;
    return { from: file, to: resolve(root, file, specifier), isTypeOnly: match[1] !== undefined };
  });
}

function resolve(root: string, file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const target = path.posix.join(path.posix.dirname(file), specifier);
  return fs.existsSync(path.join(root, `${target}.ts`)) ? `${target}.ts` : target;
}

/** Circles of imports that run, types aside: files in the order in which they need each other. */
export function findCycles(imports: readonly Import[]): string[][] {
  const needs = new Map<string, string[]>();
  for (const { from, to, isTypeOnly } of imports) if (!isTypeOnly) needs.set(from, [...(needs.get(from) ?? []), to]);

  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) cycles.push([...trail.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    for (const next of needs.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of needs.keys()) visit(file, []);
  return cycles;
}
