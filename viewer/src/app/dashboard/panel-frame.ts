// One panel on the page: asks for its data while it is in view, keeps the old picture meanwhile, shows errors and gaps.
import type { Away, PanelData, QueryContext, QueryTrace } from '../../data/contract';
import { panelKind } from '../../panels';
import type { PanelInput, PanelView } from '../../panels/contract';
import { messageFrom } from '../api';
import { element, replaceChildren } from '../../dom';
import { awayLine, awayOf, missingSource } from './away';
import { spanOf } from './keys';
import type { LayoutItem } from './layout';
import { createPanelHeader } from './panel-header';
import type { Session } from './session';
import { zoomOutSpan } from './time';

export interface PanelFrame {
  readonly element: HTMLElement;
  readonly item: LayoutItem;
  readonly data: PanelData | undefined;
  readonly error: string | undefined;
  /** The panel moved, or its variables changed. */
  setItem(item: LayoutItem): void;
  setVisible(visible: boolean): void;
  /** Asks anew if in view, else when it comes into view. */
  refresh(): void;
  redraw(): void;
  /** Loads though it is out of view, for printing. */
  load(): Promise<void>;
  destroy(): void;
}

export interface PanelCommands {
  view(frame: PanelFrame): void;
  inspect(frame: PanelFrame, tab?: 'data' | 'query' | 'json'): void;
}

/** A panel that is scrolled past quickly is not worth a request that is then broken off. */
const abortDelayMs = 400;
/** A panel that became this much wider or narrower asks for another resolution. */
const widthChange = 1.25;

export function createPanelFrame(first: LayoutItem, session: Session, commands: PanelCommands): PanelFrame {
  let item = first;
  let data: PanelData | undefined;
  let error: string | undefined;
  let away: Away | undefined;
  let view: PanelView | undefined;
  let visible = false;
  let loadedGeneration = -1;
  let loadedWidth = 0;
  let request: AbortController | undefined;
  let abortTimer: ReturnType<typeof setTimeout> | undefined;
  const memory = new Map<string, unknown>();

  const content = element('div', { class: 'panel-content', ondblclick: (event: MouseEvent) => zoomOut(event, session) });
  const header = createPanelHeader(session, {
    menu: { view: () => commands.view(frame), inspect: (tab) => commands.inspect(frame, tab), reload: () => void load() },
    // What a banner says is no mark of each panel.
    state: () => ({ item, data, error: away ? undefined : error }),
  });
  const section = element('section', { class: 'panel', tabindex: -1, 'aria-labelledby': header.titleId }, header.element, content);
  const outer = element('div', { class: 'grid-item', 'data-panel': first.key }, section);

  async function load(): Promise<void> {
    request?.abort();
    const controller = (request = new AbortController());
    const generation = session.generation;
    const { panel, scoped } = item;
    const width = Math.max(content.clientWidth, 100);
    if (!panelKind(panel.type).needsData) {
      loadedGeneration = generation;
      const span = { from: session.range.from.valueOf(), to: session.range.to.valueOf() };
      data = { frames: [], traces: [], unsupported: [], intervalMs: 15_000, span };
      return draw();
    }
    const missing = missingSource(panel, session.info);
    if (missing) {
      loadedGeneration = generation;
      outer.dataset.state = 'unconfigured';
      header.update();
      return showAway({ source: missing, code: 'query_source_unconfigured' });
    }
    section.classList.add('loading');
    section.setAttribute('aria-busy', 'true');
    try {
      const context: QueryContext = { ...session.context(scoped), width, signal: controller.signal };
      const answer = await session.data.queryPanel(panel, context);
      if (controller.signal.aborted) return;
      data = answer;
      away = awayOf(answer.traces);
      error = errorText(answer.traces);
      session.reportTraces(answer.traces);
    } catch (problem) {
      if (controller.signal.aborted) return;
      error = messageFrom(problem);
      away = undefined;
    }
    loadedGeneration = generation;
    loadedWidth = width;
    request = undefined;
    section.classList.remove('loading');
    section.removeAttribute('aria-busy');
    draw();
    // The time or a variable changed while the answer was on its way.
    if (session.generation !== generation) refresh();
  }

  function draw(): void {
    header.update();
    section.classList.toggle('failed', error !== undefined && !away);
    outer.dataset.state = away ? 'away' : error ? 'error' : data ? 'drawn' : 'waiting';
    if (away) return showAway(away);
    // Not the text for "no values": a failure would look like a zero.
    if (error && !hasRows(data)) {
      dropView();
      return replaceChildren(content, element('div', { class: 'panel-message', role: 'alert' }, element('p', {}, error)));
    }
    if (!data || content.clientWidth === 0 || content.clientHeight === 0) return;
    try {
      if (!view) {
        view = panelKind(item.panel.type).create();
        replaceChildren(content, view.element);
      }
      view.update(panelInput(data));
    } catch (problem) {
      error = `The panel could not be drawn: ${messageFrom(problem)}`;
      console.error(problem);
      dropView();
      section.classList.add('failed');
      outer.dataset.state = 'error';
      header.update();
      replaceChildren(content, element('div', { class: 'panel-message', role: 'alert' }, element('p', {}, error)));
    }
  }

  function panelInput(from: PanelData): PanelInput {
    return {
      panel: item.panel,
      frames: from.frames,
      annotations: session.marks,
      span: from.span,
      intervalMs: from.intervalMs,
      timeZone: session.timeZone,
      theme: session.theme,
      width: content.clientWidth,
      height: content.clientHeight,
      replaceVariables: session.data.interpolation(session.context(item.scoped)),
      actions: { zoom: session.zoom, navigate: session.follow, cursor: session.cursor, memory },
    };
  }

  /** Not an error of the panel: a banner says what is the matter, and what to do. */
  function showAway(what: Parameters<typeof awayLine>[1]): void {
    dropView();
    replaceChildren(content, element('div', { class: 'panel-message' }, awayLine(session.shell.banners, what)));
  }

  function dropView(): void {
    view?.destroy();
    view = undefined;
  }

  function refresh(): void {
    const stale = loadedGeneration !== session.generation;
    if (visible && stale && session.generation > 0) void load();
  }

  const resized = new ResizeObserver(() => {
    if (content.clientWidth === 0) return;
    const ratio = loadedWidth > 0 ? content.clientWidth / loadedWidth : 1;
    if (data) draw();
    if (visible && !request && (ratio > widthChange || ratio < 1 / widthChange)) void load();
  });
  resized.observe(content);

  const frame: PanelFrame = {
    element: outer,
    get item() { return item; },
    get data() { return data; },
    get error() { return error; },
    setItem: (next) => {
      item = next;
      const { x, y, w, h } = item.position;
      outer.style.setProperty('--x', String(x));
      outer.style.setProperty('--y', String(y));
      outer.style.setProperty('--w', String(w));
      outer.style.setProperty('--h', String(h));
      section.classList.toggle('transparent', item.panel.transparent === true);
      header.update();
    },
    setVisible: (now) => {
      visible = now;
      clearTimeout(abortTimer);
      if (visible) return refresh();
      abortTimer = setTimeout(() => {
        if (!request) return;
        request.abort();
        request = undefined;
        section.classList.remove('loading');
        section.removeAttribute('aria-busy');
      }, abortDelayMs);
    },
    refresh,
    redraw: () => {
      if (data) draw();
      else header.update();
    },
    load,
    destroy: () => {
      clearTimeout(abortTimer);
      request?.abort();
      resized.disconnect();
      dropView();
      outer.remove();
    },
  };
  frame.setItem(first);
  outer.dataset.state = 'waiting';
  return frame;
}

/** A double click on a graph over time, as in Grafana. */
function zoomOut({ target }: MouseEvent, session: Session): void {
  if (target instanceof Element && target.closest('.u-over')) session.zoom(zoomOutSpan(spanOf(session), Date.now()));
}

function hasRows(data: PanelData | undefined): boolean {
  return data !== undefined && data.traces.some((trace) => !trace.error) && data.frames.some((frame) => frame.length > 0);
}

/** Each error with its query, unless all have the same. */
function errorText(traces: QueryTrace[]): string | undefined {
  const failed = traces.filter((trace) => trace.error);
  const same = failed.length === traces.length && new Set(failed.map((trace) => trace.error)).size === 1;
  if (same) return failed[0]?.error;
  return failed.map((trace) => `Query ${trace.refId}: ${trace.error}`).join(' ') || undefined;
}
