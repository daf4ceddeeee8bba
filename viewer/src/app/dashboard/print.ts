// Dashboards on paper: every panel loaded, drawn for the width of a page, and as high as its legend or table needs.
import { paintWith } from '../theme';
import type { PanelFrame } from './panel-frame';

/** What does not come in time is printed as it is. */
const longestWaitMs = 20_000;
/** A panel never becomes higher than a page is: a list of hundreds of lines is cut there. */
const largestGrowth = 640;
/** A legend below a graph gets only a share of what the panel grows. */
const attempts = 5;

/** Loads every panel, on white, then asks the browser to print. */
export async function printAll(frames: PanelFrame[]): Promise<void> {
  const endLight = paintWith('light');
  const timeout = new Promise((resolve) => setTimeout(resolve, longestWaitMs));
  await Promise.race([Promise.all(frames.map((frame) => frame.load())), timeout]);
  window.print();
  endLight();
}

/** Fits panels to paper whenever the browser prints, by its own menu too. The answer ends that. */
export function fitWhenPrinted(frames: () => PanelFrame[]): () => void {
  const fit = (): void => {
    document.body.classList.add('printing');
    for (const frame of frames()) grow(frame);
  };
  const giveBack = (): void => {
    document.body.classList.remove('printing');
    for (const frame of frames()) {
      frame.element.style.removeProperty('--growth');
      frame.redraw();
    }
  };
  window.addEventListener('beforeprint', fit);
  window.addEventListener('afterprint', giveBack);
  return () => {
    window.removeEventListener('beforeprint', fit);
    window.removeEventListener('afterprint', giveBack);
    document.body.classList.remove('printing');
  };
}

function grow(frame: PanelFrame): void {
  let growth = 0;
  frame.redraw();
  for (let attempt = 0; attempt < attempts && growth < largestGrowth; attempt += 1) {
    const missing = hiddenHeight(frame.element);
    if (missing <= 1) return;
    growth = Math.min(growth + missing, largestGrowth);
    frame.element.style.setProperty('--growth', `${growth}px`);
    frame.redraw();
  }
}

/** The pixels that would have to be scrolled to. */
function hiddenHeight(panel: HTMLElement): number {
  const lists = panel.querySelectorAll<HTMLElement>('.panel-legend, .panel-table-scroll, .panel-bars-horizontal, .panel-text-body, .panel-logs, .panel-alerts');
  return Math.max(0, ...[...lists].map((list) => list.scrollHeight - list.clientHeight));
}
