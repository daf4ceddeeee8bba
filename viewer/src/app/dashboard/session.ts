// What a dashboard's page knows and changes: time, variables, annotations, refresh. The URL always says the same.
import { createTheme, type GrafanaTheme2, type TimeRange } from '@grafana/data';
import type { Annotation, Dashboard } from '../../dashboard';
import type { Chosen, DataLayer, QueryContext, QueryTrace, ScopedVariables, VariableState } from '../../data/contract';
import type { AnnotationMark, CursorBus } from '../../panels/contract';
import { messageFrom, type ViewerInfo } from '../api';
import { translateUrl } from '../links';
import { navigate, setQuery } from '../router';
import type { Shell } from '../shell';
import { currentTheme, onThemeChange } from '../theme';
import { reportAway } from './away';
import { createCursorBus, createSilentCursorBus } from './cursor';
import { absoluteRange, intervalMilliseconds, toTimeRange, type RawRange, type Span } from './time';
import { chosenForUrl, readUrlState, sameChosen, writeUrlState, type DashboardUrlState } from './url-state';

/** What changed: each part of the page redraws for its own. */
export type Change = 'time' | 'variables' | 'data' | 'annotations' | 'view' | 'refresh';

export interface Session {
  readonly dashboard: Dashboard;
  readonly info: ViewerInfo | undefined;
  readonly shell: Shell;
  readonly data: DataLayer;
  readonly cursor: CursorBus;
  readonly range: TimeRange;
  readonly raw: RawRange;
  readonly timeZone: string;
  readonly theme: GrafanaTheme2;
  readonly variables: VariableState[];
  /** The variables were read, or failed: what is repeated is known. */
  readonly ready: boolean;
  readonly marks: AnnotationMark[];
  readonly annotationErrors: string[];
  /** Rises whenever panels must be asked anew. */
  readonly generation: number;
  /** The interval as the URL has it, `off` included. */
  readonly refresh: string;
  readonly url: DashboardUrlState;
  start(): void;
  destroy(): void;
  onChange(listener: (change: Change) => void): void;
  reload(): void;
  setTime(raw: RawRange, options?: { replace?: boolean }): void;
  zoom(span: Span): void;
  setTimeZone(timeZone: string): void;
  setRefresh(interval: string): void;
  setVariable(name: string, values: string[]): void;
  setView(change: { viewPanel?: string | undefined; kiosk?: boolean }): void;
  annotationIsOn(annotation: Annotation): boolean;
  toggleAnnotation(annotation: Annotation): void;
  interpolate(text: string, scoped?: ScopedVariables): string;
  context(scoped?: ScopedVariables): Omit<QueryContext, 'signal' | 'width'>;
  follow(url: string, newTab: boolean): void;
  /** Tells the banners what the traces of a panel say about the sources. */
  reportTraces(traces: QueryTrace[]): void;
  queryChanged(): boolean;
}

export function createSession(dashboard: Dashboard, info: ViewerInfo | undefined, shell: Shell, data: DataLayer): Session {
  const listeners: ((change: Change) => void)[] = [];
  const toggled = new Map<string, boolean>();
  const cursor = dashboard.graphTooltip ? createCursorBus() : createSilentCursorBus();
  let url = readUrlState(location.search);
  let timeZone = readTimeZone(url);
  let raw = readRange(url);
  let range = toTimeRange(raw, timeZone);
  let theme = createTheme({ colors: { mode: currentTheme() } });
  let variables: VariableState[] = [];
  let ready = false;
  let marks: AnnotationMark[] = [];
  let annotationErrors: string[] = [];
  let generation = 0;
  let variableRequest = new AbortController();
  let annotationRequest = new AbortController();
  let timer: ReturnType<typeof setInterval> | undefined;

  function readRange(state: DashboardUrlState): RawRange {
    return { from: state.from ?? dashboard.time?.from ?? 'now-6h', to: state.to ?? dashboard.time?.to ?? 'now' };
  }
  function readTimeZone(state: DashboardUrlState): string {
    return state.timezone || dashboard.timezone || 'browser';
  }
  const emit = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };
  const writeUrl = (replace: boolean): void => {
    const chosen = variables.length > 0 ? chosenForUrl(variables) : url.chosen;
    url = { ...url, from: raw.from, to: raw.to, chosen };
    setQuery(writeUrlState(url, location.search), { replace });
  };
  const refreshInterval = (): string => url.refresh ?? (dashboard.refresh || 'off');

  /** Variables first: every query may need them. */
  async function loadAll(chosen: Chosen, push: boolean, changed?: string): Promise<void> {
    range = toTimeRange(raw, timeZone);
    variableRequest.abort();
    variableRequest = new AbortController();
    const { signal } = variableRequest;
    try {
      const states = await data.resolveVariables(dashboard, chosen, range, signal, changed);
      if (signal.aborted) return;
      variables = states;
      for (const { away, error } of states) if (away) reportAway(shell.banners, away, error ?? '');
    } catch (error) {
      if (signal.aborted) return;
      shell.toast(`The variables could not be read: ${messageFrom(error)}`);
    }
    ready = true;
    writeUrl(!push);
    emit('variables');
    loadData();
  }
  function loadData(): void {
    generation += 1;
    emit('data');
    void loadAnnotations();
  }
  /** Panels at once; variables beside them, which rarely change. */
  async function reload(): Promise<void> {
    if (variables.length === 0 && dashboard.templating?.list.length) return loadAll(url.chosen, false);
    // Panels cannot ask without them.
    if (variables.some((state) => state.error)) return loadAll(allChosen(variables), false);
    range = toTimeRange(raw, timeZone);
    loadData();
    if (!variables.some((state) => state.definition.refresh === 2)) return;
    variableRequest.abort();
    variableRequest = new AbortController();
    const { signal } = variableRequest;
    const before = variables;
    const states = await data.resolveVariables(dashboard, allChosen(before), range, signal).catch(() => undefined);
    if (!states || signal.aborted || sameStates(before, states)) return;
    variables = states;
    writeUrl(true);
    emit('variables');
    if (!sameQueries(before, states)) loadData();
  }
  async function loadAnnotations(): Promise<void> {
    annotationRequest.abort();
    annotationRequest = new AbortController();
    const { signal } = annotationRequest;
    try {
      const answer = await data.queryAnnotations({ ...session.context(), width: 1000, signal });
      if (signal.aborted) return;
      marks = answer.marks;
      annotationErrors = answer.errors;
    } catch (error) {
      if (signal.aborted) return;
      marks = [];
      annotationErrors = [messageFrom(error)];
    }
    emit('annotations');
  }
  const startTimer = (): void => {
    clearInterval(timer);
    const every = intervalMilliseconds(refreshInterval());
    timer = every ? setInterval(() => document.hidden || void reload(), every) : undefined;
  };
  // A tab that comes back shows what it missed at once.
  const visible = (): void => {
    if (document.hidden) return clearInterval(timer);
    startTimer();
    if (timer) void reload();
  };
  const endTheme = onThemeChange((mode) => {
    theme = createTheme({ colors: { mode } });
    emit('view');
    loadData();
  });
  const annotationIsOn = (annotation: Annotation): boolean => toggled.get(annotation.name) ?? annotation.enable !== false;

  const session: Session = {
    dashboard, info, shell, data, cursor,
    get range() { return range; },
    get raw() { return raw; },
    get timeZone() { return timeZone; },
    get theme() { return theme; },
    get variables() { return variables; },
    get ready() { return ready; },
    get marks() { return marks; },
    get annotationErrors() { return annotationErrors; },
    get generation() { return generation; },
    get refresh() { return refreshInterval(); },
    get url() { return url; },
    start: () => {
      document.addEventListener('visibilitychange', visible);
      startTimer();
      void loadAll(url.chosen, false);
    },
    destroy: () => {
      document.removeEventListener('visibilitychange', visible);
      clearInterval(timer);
      variableRequest.abort();
      annotationRequest.abort();
      endTheme();
      listeners.length = 0;
    },
    onChange: (listener) => void listeners.push(listener),
    reload: () => {
      startTimer();
      void reload();
    },
    setTime: (next, options) => {
      raw = next;
      range = toTimeRange(raw, timeZone);
      writeUrl(options?.replace ?? false);
      emit('time');
      void reload();
    },
    zoom: (span) => session.setTime(absoluteRange(span)),
    setTimeZone: (next) => {
      timeZone = next;
      url = { ...url, timezone: next === (dashboard.timezone || 'browser') ? undefined : next };
      writeUrl(true);
      emit('time');
      void reload();
    },
    setRefresh: (interval) => {
      url = { ...url, refresh: interval };
      writeUrl(true);
      startTimer();
      emit('refresh');
    },
    setVariable: (name, values) => {
      const chosen = { ...allChosen(variables), [name]: values };
      void loadAll(chosen, true, name);
    },
    setView: (change) => {
      url = { ...url, ...change };
      writeUrl(!('viewPanel' in change));
      emit('view');
    },
    annotationIsOn,
    toggleAnnotation: (annotation) => {
      toggled.set(annotation.name, !annotationIsOn(annotation));
      void loadAnnotations();
    },
    interpolate: (text, scoped) => data.interpolation(session.context(scoped))(text),
    context: (scoped) => ({ dashboard: withToggles(dashboard, annotationIsOn, toggled.size > 0), variables, range, timeZone, theme, scoped }),
    follow: (target, newTab) => {
      const translated = translateUrl(target, { grafanaUrl: info?.grafana_url ?? null });
      if (translated.href === undefined) shell.toast(translated.reason);
      else if (newTab || translated.external) window.open(translated.href, newTab ? '_blank' : '_self', 'noopener');
      else navigate(translated.href);
    },
    reportTraces: (traces) => {
      for (const { away, error, status, url } of traces) {
        if (away) reportAway(shell.banners, away, error ?? '');
        else if (status >= 200 && status < 300) shell.banners.sourceAnswered(url.includes('/query/loki/') ? 'loki' : 'prometheus');
      }
    },
    queryChanged: () => {
      const next = readUrlState(location.search);
      const before = url;
      url = next;
      const viewChanged = next.viewPanel !== before.viewPanel || next.kiosk !== before.kiosk;
      const nextRaw = readRange(next);
      const timeChanged = nextRaw.from !== raw.from || nextRaw.to !== raw.to || readTimeZone(next) !== timeZone;
      const chosenChanged = !sameChosen({ ...next.chosen }, chosenForUrl(variables));
      raw = nextRaw;
      timeZone = readTimeZone(next);
      if (viewChanged) emit('view');
      if (timeChanged) emit('time');
      if (chosenChanged) void loadAll(next.chosen, false);
      else if (timeChanged) void reload();
      return true;
    },
  };
  return session;
}

function withToggles(dashboard: Dashboard, isOn: (annotation: Annotation) => boolean, any: boolean): Dashboard {
  if (!any || !dashboard.annotations) return dashboard;
  return { ...dashboard, annotations: { list: dashboard.annotations.list.map((annotation) => ({ ...annotation, enable: isOn(annotation) })) } };
}

function allChosen(states: VariableState[]): Chosen {
  return Object.fromEntries(states.map((state) => [state.definition.name, state.chosen]));
}

function sameStates(a: VariableState[], b: VariableState[]): boolean {
  const shown = (states: VariableState[]): string => JSON.stringify(states.map(({ options, chosen, error, unknown }) => [options, chosen, error, unknown]));
  return shown(a) === shown(b);
}

/** Whether panels would ask the same: the options count where All is chosen. */
function sameQueries(a: VariableState[], b: VariableState[]): boolean {
  const asked = (states: VariableState[]): string =>
    JSON.stringify(states.map(({ options, chosen }) => (chosen.includes('$__all') ? [chosen, options] : chosen)));
  return asked(a) === asked(b);
}
