// The frame of panels that draw rows over time on a canvas: a box for the plot, its tooltip, and the plot that is there now.
import { element } from '../../dom';
import type { PanelInput, PanelView } from '../contract';
import { type Drawn, emptyDrawn, panelRoot, setDrawn } from '../shared/drawn';
import { showNoData } from '../shared/no-data';
import { createTooltip, renewTooltip, type Tooltip } from '../shared/tooltip';
import type { TimePlot } from './plot';

export interface TimeFrame {
  root: HTMLElement;
  /** Where the plot is put. */
  box: HTMLElement;
  tooltip: Tooltip;
}

export interface TimeDrawing {
  plot: TimePlot;
  drawn: Drawn;
}

/** `draw` makes the plot in the box and says what it drew; nothing without data. */
export function timeView(kind: string, draw: (frame: TimeFrame, input: PanelInput) => TimeDrawing | undefined): PanelView {
  const root = panelRoot(kind);
  const box = element('div', { class: 'panel-plot' });
  let tooltip = createTooltip();
  let current: TimePlot | undefined;

  function clear(): void {
    current?.destroy();
    current = undefined;
    box.replaceChildren();
  }

  return {
    element: root,
    update(input) {
      clear();
      tooltip = renewTooltip(tooltip, (input.panel.options as { tooltip?: { maxWidth?: number; maxHeight?: number } }).tooltip);
      const drawing = draw({ root, box, tooltip }, input);
      current = drawing?.plot;
      setDrawn(root, drawing?.drawn ?? emptyDrawn(kind));
      if (!drawing) showNoData(root, input);
    },
    destroy() {
      clear();
      tooltip.destroy();
    },
  };
}
