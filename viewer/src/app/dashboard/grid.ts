// The grid of a dashboard: rows that open and close, panels that load when they come into view.
import { element } from '../../dom';
import { icon } from '../icons';
import { layOut, phonePairs, pixelHeight, type LayoutItem } from './layout';
import { createPanelFrame, type PanelCommands, type PanelFrame } from './panel-frame';
import type { Session } from './session';

export interface Grid {
  element: HTMLElement;
  frames(): PanelFrame[];
  find(key: string): PanelFrame | undefined;
  /** Rows, repeats and variables changed. */
  layOut(): void;
  setAllRows(collapsed: boolean): void;
  destroy(): void;
}

/** Panels start to load this far before they come into view. */
const preloadMargin = '200px';

export function createGrid(session: Session, commands: PanelCommands): Grid {
  const collapsed = new Map<string, boolean>();
  const frames = new Map<string, PanelFrame>();
  const rows = new Map<string, HTMLElement>();
  const grid = element('div', { class: 'grid' });

  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) frames.get((entry.target as HTMLElement).dataset.panel ?? '')?.setVisible(entry.isIntersecting);
    },
    { rootMargin: preloadMargin },
  );

  const draw = (): void => {
    const layout = layOut(session.dashboard.panels, session.variables, collapsed);
    const keys = new Set(layout.items.map((item) => item.key));
    for (const [key, frame] of frames) {
      if (keys.has(key)) continue;
      observer.unobserve(frame.element);
      frame.destroy();
      frames.delete(key);
    }
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      row.remove();
      rows.delete(key);
    }
    const pairs = phonePairs(layout.items);
    let before: Element | null = null;
    for (const item of layout.items) {
      const node = item.row ? drawRow(item) : drawPanel(item);
      node.classList.toggle('phone-half', pairs.has(item.key));
      // In the order of reading, so that focus and narrow screens follow it.
      const next: Element | null = before ? before.nextElementSibling : grid.firstElementChild;
      if (next !== node) grid.insertBefore(node, next);
      before = node;
    }
    grid.style.height = `${pixelHeight(layout.height)}px`;
  };

  const drawPanel = (item: LayoutItem): HTMLElement => {
    const existing = frames.get(item.key);
    if (existing) {
      existing.setItem(item);
      return existing.element;
    }
    const frame = createPanelFrame(item, session, commands);
    frames.set(item.key, frame);
    observer.observe(frame.element);
    return frame.element;
  };

  const drawRow = (item: LayoutItem): HTMLElement => {
    const row = rows.get(item.key) ?? createRow(item.key);
    rows.set(item.key, row);
    const button = row.querySelector('button');
    const state = item.row ?? { collapsed: false, panels: 0 };
    button?.setAttribute('aria-expanded', String(!state.collapsed));
    const title = row.querySelector('.row-title');
    if (title) title.textContent = session.interpolate(item.panel.title ?? '', item.scoped);
    const count = row.querySelector('.row-count');
    if (count) count.textContent = state.collapsed ? `${state.panels} ${state.panels === 1 ? 'panel' : 'panels'}` : '';
    row.style.setProperty('--y', String(item.position.y));
    return row;
  };

  const createRow = (key: string): HTMLElement => {
    const toggle = (): void => {
      const open = rows.get(key)?.querySelector('button')?.getAttribute('aria-expanded') === 'true';
      collapsed.set(key, open);
      draw();
    };
    return element('div', { class: 'grid-row', 'data-row': key },
      element('h2', {}, element('button', { type: 'button', class: 'row-button', 'aria-expanded': 'true', onclick: toggle },
        icon('chevronDown'), element('span', { class: 'row-title' }), element('span', { class: 'row-count' }))));
  };

  return {
    element: grid,
    frames: () => [...frames.values()],
    find: (key) => frames.get(key),
    layOut: draw,
    setAllRows: (value) => {
      for (const key of rows.keys()) collapsed.set(key, value);
      draw();
    },
    destroy: () => {
      observer.disconnect();
      for (const frame of frames.values()) frame.destroy();
      frames.clear();
    },
  };
}
