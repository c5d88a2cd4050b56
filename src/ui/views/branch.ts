/** One row of a tree as plain data, so that what is drawn can be compared and tried without an editor. */
export interface Branch {
  /** Stable, unique in its tree; see `targets.ts`. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  /** What only the icon says to those who see it. */
  readonly spoken?: string;
  /** A codicon. */
  readonly icon: string;
  /** A theme colour; the meaning is always in the description too. */
  readonly color?: string;
  /** Read by the `when` clauses in package.json. */
  readonly context: string;
  /** Plain text. Peer text in it has passed `peerText`. */
  readonly tooltip: string;
  /**
   * What a click does. Without an argument the command looks at what is selected: the editor forgets the arguments of a row
   * that is drawn anew, and a click between two drawings would find no command.
   */
  readonly command?: { readonly id: string; readonly argument?: unknown };
  readonly isExpanded?: boolean;
  /** `later`: asked for when the row is opened. Absent: a leaf. */
  readonly children?: readonly Branch[] | 'later';
}

/** What a screen reader says. */
export function spokenLabel(branch: Branch): string {
  return [branch.label, branch.spoken, branch.description].filter(Boolean).join(', ');
}

/** Every branch by its id. */
export function indexBranches(branches: readonly Branch[], into = new Map<string, Branch>()): Map<string, Branch> {
  for (const branch of branches) {
    into.set(branch.id, branch);
    if (Array.isArray(branch.children)) indexBranches(branch.children as readonly Branch[], into);
  }
  return into;
}

/**
 * Ids of the rows to draw again; `undefined` when the top rows themselves came, went or moved.
 *
 * A row with other children is named itself: drawing it again asks for them.
 */
export function changedBranches(before: readonly Branch[], after: readonly Branch[]): string[] | undefined {
  if (!haveSameIds(before, after)) return undefined;
  const old = indexBranches(before);
  const changed: string[] = [];
  for (const [id, branch] of indexBranches(after)) {
    const known = old.get(id);
    // A row that was not there before comes with its parent, whose children differ.
    if (known && !isSameRow(known, branch)) changed.push(id);
  }
  return changed;
}

function isSameRow(a: Branch, b: Branch): boolean {
  const { children: childrenOfA, ...rowA } = a;
  const { children: childrenOfB, ...rowB } = b;
  if (JSON.stringify(rowA) !== JSON.stringify(rowB)) return false;
  if (!Array.isArray(childrenOfA) || !Array.isArray(childrenOfB)) return childrenOfA === childrenOfB;
  return haveSameIds(childrenOfA as readonly Branch[], childrenOfB as readonly Branch[]);
}

function haveSameIds(a: readonly Branch[], b: readonly Branch[]): boolean {
  return a.length === b.length && a.every((branch, index) => branch.id === b[index]!.id);
}
