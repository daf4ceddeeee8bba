// The keyboard shortcuts of a dashboard, as Grafana has them.
import type { KeyBinding } from '../keyboard';
import type { Grid } from './grid';
import type { PanelCommands, PanelFrame } from './panel-frame';
import type { Session } from './session';
import { absoluteRange, shiftSpan, zoomInSpan, zoomOutSpan, type Span } from './time';

export function spanOf(session: Session): Span {
  return { from: session.range.from.valueOf(), to: session.range.to.valueOf() };
}

export function dashboardKeys(session: Session, commands: PanelCommands, grid: Grid): KeyBinding[] {
  const onPanel = (run: (frame: PanelFrame) => void) => (): void => {
    const frame = currentFrame(grid, session);
    if (frame) run(frame);
    else session.shell.toast('Point at a panel or focus it first.');
  };
  const panel = 'Panel under the pointer or focus';
  return [
    { keys: 'r', description: 'Load all panels again', group: 'Dashboard', run: session.reload },
    { keys: 'd r', description: 'Load all panels again', group: 'Dashboard', run: session.reload },
    { keys: 'd k', description: 'Hide or show the bars', group: 'Dashboard', run: () => session.setView({ kiosk: !session.url.kiosk }) },
    { keys: 'd E', description: 'Open all rows', group: 'Dashboard', run: () => grid.setAllRows(false) },
    { keys: 'd C', description: 'Close all rows', group: 'Dashboard', run: () => grid.setAllRows(true) },
    { keys: 'esc', description: 'Back from the full-screen panel', group: 'Dashboard', run: () => leave(session) },
    { keys: 't z', description: 'Zoom out', group: 'Time range', run: () => session.zoom(zoomOutSpan(spanOf(session), Date.now())) },
    { keys: 't -', description: 'Zoom out', group: 'Time range', run: () => session.zoom(zoomOutSpan(spanOf(session), Date.now())) },
    { keys: 't +', description: 'Zoom in', group: 'Time range', run: () => session.zoom(zoomInSpan(spanOf(session))) },
    { keys: 't left', description: 'Back by half of the range', group: 'Time range', run: () => session.zoom(shiftSpan(spanOf(session), -1, Date.now())) },
    { keys: 't right', description: 'Forward by half of the range', group: 'Time range', run: () => session.zoom(shiftSpan(spanOf(session), 1, Date.now())) },
    { keys: 't a', description: 'Make the range absolute', group: 'Time range', run: () => session.setTime(absoluteRange(spanOf(session))) },
    { keys: 'v', description: 'Full screen and back', group: panel, run: onPanel((frame) => commands.view(frame)) },
    { keys: 'i', description: 'Inspect data and query', group: panel, run: onPanel((frame) => commands.inspect(frame)) },
  ];
}

function leave(session: Session): void {
  if (session.url.viewPanel) session.setView({ viewPanel: undefined });
  else if (session.url.kiosk) session.setView({ kiosk: false });
}

/** The focused panel, else the one under the pointer, else the one that fills the page. */
function currentFrame(grid: Grid, session: Session): PanelFrame | undefined {
  const frames = grid.frames();
  return (
    frames.find((frame) => frame.element.contains(document.activeElement)) ??
    frames.find((frame) => frame.element.matches(':hover')) ??
    (session.url.viewPanel ? grid.find(session.url.viewPanel) : undefined)
  );
}
