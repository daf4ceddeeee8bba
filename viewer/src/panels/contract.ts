// What a kind of panel is given, and what it gives back. `src/data` makes the input, `src/app` places the view.
import type { DataFrame, GrafanaTheme2, InterpolateFunction } from '@grafana/data';
import type { Panel } from '../dashboard';

/** Milliseconds since the epoch. */
export interface TimeSpan {
  from: number;
  to: number;
}

/** A line, or with `timeEnd` a region, over a graph. */
export interface AnnotationMark {
  time: number;
  timeEnd?: number;
  title: string;
  text: string;
  tags: string[];
  /** A colour of CSS. */
  color: string;
}

/** Where the pointer is, shared by all panels of a dashboard (`graphTooltip` 1 and 2). */
export interface CursorBus {
  /** `undefined`: the pointer left. */
  publish(source: object, time: number | undefined): void;
  /** Returns what ends the subscription. Not called for what `source` itself published. */
  subscribe(source: object, listener: (time: number | undefined) => void): () => void;
}

export interface PanelActions {
  /** The user selected a range of time by dragging. */
  zoom(span: TimeSpan): void;
  /** A data link or panel link was followed; the shell decides how. */
  navigate(url: string, newTab: boolean): void;
  cursor: CursorBus;
  /** Remembers what the user chose in a panel, such as isolated series, as long as the page is open. */
  memory: Map<string, unknown>;
}

export interface PanelInput {
  panel: Panel;
  /** After transformations and field overrides: `field.display`, `field.config`, `field.getLinks` are set. */
  frames: DataFrame[];
  annotations: AnnotationMark[];
  span: TimeSpan;
  /** The step of range queries, in milliseconds. */
  intervalMs: number;
  timeZone: string;
  theme: GrafanaTheme2;
  /** Pixels of CSS for the panel's content, without its title. */
  width: number;
  height: number;
  replaceVariables: InterpolateFunction;
  actions: PanelActions;
}

export interface PanelView {
  element: HTMLElement;
  /** New data, size, theme or range. Called first right after creation. */
  update(input: PanelInput): void;
  destroy(): void;
}

/** One kind of panel. */
export interface PanelKind {
  create(): PanelView;
  /** Options and custom field options of this panel that the kind cannot do, in words for the reader: "option legend.sortBy". */
  unsupported(panel: Panel): string[];
  /** False for text and alert lists, which need no query. */
  needsData: boolean;
}
