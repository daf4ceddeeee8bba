// How much of a panel its legend takes, in whole rows, and how it says that there are more.
import type { PanelInput } from '../contract';
import { pixels } from '../../dom';
import type { LegendOptions } from './legend';

export interface LegendSplit {
  plotWidth: number;
  plotHeight: number;
}

const GAP_RIGHT = 8;
const GAP_BOTTOM = 2;

/**
 * Places plot and legend into the root and says what is left for the plot. A legend below takes at most 40 % of the height; one at the right
 * all of it, and the width that its text needs, at most half of the panel's.
 */
export function placeLegend(root: HTMLElement, plot: HTMLElement, legend: HTMLElement | undefined, options: LegendOptions, input: Pick<PanelInput, 'width' | 'height'>): LegendSplit {
  root.classList.toggle('panel-with-right-legend', Boolean(legend) && options.placement === 'right');
  root.classList.toggle('panel-with-legend', Boolean(legend));
  if (!legend) {
    root.replaceChildren(plot);
    return { plotWidth: input.width, plotHeight: input.height };
  }
  const scrolled = root.querySelector('.panel-legend')?.scrollTop ?? 0;
  root.replaceChildren(plot, legend);
  const isRight = options.placement === 'right';
  const ends = rowEnds(legend);
  const height = isRight ? wholeRows(ends, input.height) : bottomLegendHeight(ends, input.height);
  legend.style.height = pixels(height);
  showRest(legend, ends, height);
  // The count in the heading needs room too.
  const width = isRight ? rightWidth(legend, options, input.width) : input.width;
  legend.scrollTop = scrolled;
  return isRight ? { plotWidth: Math.max(40, input.width - width - GAP_RIGHT), plotHeight: input.height } : { plotWidth: input.width, plotHeight: Math.max(40, input.height - height - GAP_BOTTOM) };
}

function rightWidth(legend: HTMLElement, options: LegendOptions, panelWidth: number): number {
  legend.style.width = '';
  legend.classList.remove('panel-legend-cut');
  const wanted = Number(options.width) || legend.scrollWidth || legend.getBoundingClientRect().width;
  const width = Math.ceil(Math.min(Math.max(wanted, 60), panelWidth / 2));
  legend.style.width = pixels(width);
  // Names give way, numbers do not.
  legend.classList.toggle('panel-legend-cut', wanted > width);
  return width;
}

/** Where each row of entries ends, in pixels from the top of the legend. A list has several entries in a row. */
function rowEnds(legend: HTMLElement): number[] {
  const top = legend.getBoundingClientRect().top;
  return [...legend.querySelectorAll('[data-legend-row]')].map((row) => Math.ceil(row.getBoundingClientRect().bottom - top));
}

/** The height of as many rows as fit, of one at least. */
export function wholeRows(ends: number[], room: number): number {
  return Math.max(ends[0] ?? 0, ...ends.filter((end) => end <= room));
}

/** Whole rows up to 40 % of the panel, three where 45 % hold them. */
export function bottomLegendHeight(ends: number[], panel: number): number {
  const rows = [...new Set(ends)].sort((a, b) => a - b);
  const few = rows[2] ?? rows.at(-1) ?? 0;
  return few <= panel * 0.45 ? Math.max(few, wholeRows(rows, panel * 0.4)) : wholeRows(rows, panel * 0.45);
}

/** The edge of what can be scrolled is shaded, and a table says in its heading how many rows are in view. */
function showRest(legend: HTMLElement, ends: number[], height: number): void {
  const inView = ends.filter((end) => end <= height).length;
  const hasMore = inView < ends.length;
  const count = legend.querySelector<HTMLElement>('[data-legend-count]');
  if (count) {
    count.hidden = !hasMore;
    count.textContent = hasMore ? `${inView} of ${ends.length}` : '';
  }
  const shade = () => legend.classList.toggle('panel-legend-more', legend.scrollTop + legend.clientHeight < legend.scrollHeight - 1);
  if (hasMore) {
    legend.addEventListener('scroll', shade, { passive: true });
    legend.classList.add('panel-legend-more');
  }
}
