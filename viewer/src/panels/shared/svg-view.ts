// The frame of charts that are SVG elements: a box for the chart, its tooltip, and which names the reader has hidden through the legend.
import { element } from '../../dom';
import type { PanelInput, PanelView } from '../contract';
import { type Drawn, emptyDrawn, panelRoot, setDrawn } from './drawn';
import { showNoData } from './no-data';
import { createTooltip, type Tooltip } from './tooltip';

export interface SvgFrame {
  root: HTMLElement;
  /** Where the chart is put. */
  box: HTMLElement;
  tooltip: Tooltip;
  hidden: ReadonlySet<string>;
  /** Remembers what is hidden as long as the page is open, and draws again. */
  onHiddenChange(hidden: ReadonlySet<string>): void;
}

/** `draw` fills the box and says what it drew; nothing without data. */
export function svgView(kind: string, boxClass: string, draw: (frame: SvgFrame, input: PanelInput) => Drawn | undefined): PanelView {
  const root = panelRoot(kind);
  const box = element('div', { class: `panel-plot ${boxClass}` });
  const tooltip = createTooltip();
  let last: PanelInput | undefined;

  function update(input: PanelInput): void {
    last = input;
    tooltip.hide();
    const key = `panel-${input.panel.id}-${kind}-hidden`;
    const hidden = (input.actions.memory.get(key) as ReadonlySet<string> | undefined) ?? new Set<string>();
    const onHiddenChange = (next: ReadonlySet<string>): void => {
      input.actions.memory.set(key, next);
      if (last) update(last);
    };
    const drawn = draw({ root, box, tooltip, hidden, onHiddenChange }, input);
    setDrawn(root, drawn ?? emptyDrawn(kind));
    if (!drawn) showNoData(root, input);
  }

  return {
    element: root,
    update,
    destroy() {
      tooltip.destroy();
      root.replaceChildren();
    },
  };
}
