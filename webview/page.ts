import type { FromPanel, PanelEngine, PanelModel, PanelQuery, ToPanel } from '../src/shared/panelProtocol';
import type { Words } from './words';

/** What the Explore page comes back to. Kept by the editor while the panel is hidden, and over a restart. */
export interface ExplorePlace {
  readonly query: PanelQuery;
  readonly active: number;
  readonly scrollTop: number;
}

/** Pages with a form. */
export type DraftPage = 'compare' | 'merge';

/** What every page gets from `main.ts`. */
export interface Shell {
  readonly words: Words;
  /** The last slice of each kind, for a page that opens between two of them. */
  readonly engine: () => PanelEngine | undefined;
  readonly models: () => readonly PanelModel[];
  readonly post: (intent: FromPanel) => void;
  /** Says something to people who do not see the change. */
  readonly announce: (message: string) => void;
  readonly place: () => ExplorePlace | undefined;
  readonly savePlace: (place: ExplorePlace) => void;
  /** What the user wrote into a page's form and has not sent. Kept as the place is; read it like any input. */
  readonly draft: (page: DraftPage) => unknown;
  readonly saveDraft: (page: DraftPage, draft: unknown) => void;
}

/** One page of the panel. It draws slices as they come and posts what the user wants; it asks nothing and waits for nothing. */
export interface Page {
  readonly element: HTMLElement;
  receive(message: ToPanel): void;
  /** Where the keyboard goes when the user came here. */
  focus(): void;
  dispose(): void;
}
