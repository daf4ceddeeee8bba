// What a panel drew, readable by a browser test: `element.__drawn` of the panel's root element.
// Numbers on a canvas cannot be read back otherwise.
import type { PanelView } from '../contract';

export interface DrawnSeries {
  name: string;
  color: string;
  /** As queried: milliseconds and values, before stacking. Gaps are `null`; instants that other series have are `undefined`. */
  values: (number | string | boolean | null | undefined)[];
  /** As drawn, after stacking, transforms and percent. */
  drawn: (number | null | undefined)[];
  /** The scale's key; its limits stand in `Drawn.scales`. */
  scale?: string;
  visible: boolean;
}

export interface Drawn {
  kind: string;
  /** Milliseconds since the epoch, or the categories of a bar chart. */
  x: (number | string)[];
  series: DrawnSeries[];
  scales: Record<string, { min: number | null; max: number | null; unit?: string }>;
  /** The y-axes of graphs: their labels, and the pixels that they have and need. */
  axes?: { labels: string[]; room: number; needed: number }[];
  /** Cells of heatmaps, segments of timelines, slices of pies. */
  cells?: { x: number; xEnd: number; row: string; value: number | string | null; color: string }[];
  annotations: { time: number; timeEnd?: number; title: string }[];
}

export function setDrawn(root: HTMLElement, drawn: Drawn): void {
  (root as HTMLElement & { __drawn?: Drawn }).__drawn = drawn;
}

export function emptyDrawn(kind: string): Drawn {
  return { kind, x: [], series: [], scales: {}, annotations: [] };
}

/** The root element of a view, marked with its kind. */
export function panelRoot(kind: string): HTMLElement {
  const root = document.createElement('div');
  root.className = `panel-view panel-view-${kind}`;
  root.dataset.panelKind = kind;
  return root;
}

/** A view that draws everything anew at each update. */
export function redrawnView(kind: string, draw: (root: HTMLElement, input: Parameters<PanelView['update']>[0]) => void): PanelView {
  const root = panelRoot(kind);
  return {
    element: root,
    update(input) {
      draw(root, input);
    },
    destroy() {
      root.replaceChildren();
    },
  };
}
