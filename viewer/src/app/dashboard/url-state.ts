// The state of a dashboard's page in its URL, with Grafana's names: from, to (or time, time.window), timezone, refresh, viewPanel, kiosk, var-x.
import type { Variable } from '../../dashboard';
import type { Chosen, VariableState } from '../../data/contract';

export interface DashboardUrlState {
  from?: string | undefined;
  to?: string | undefined;
  timezone?: string | undefined;
  /** `15s`, `off`, or undefined for the dashboard's own. */
  refresh?: string | undefined;
  /** The key of a panel: `panel-7`, or `panel-7-clone-1` of a repeated one. */
  viewPanel?: string | undefined;
  kiosk: boolean;
  chosen: Chosen;
}

export const variablePrefix = 'var-';

export function readUrlState(search: string): DashboardUrlState {
  const parameters = new URLSearchParams(search);
  const chosen: Chosen = {};
  for (const [name, value] of parameters) {
    const variable = name.slice(variablePrefix.length);
    if (!name.startsWith(variablePrefix) || variable === '__proto__') continue;
    // Not the members that every object has, such as `constructor`.
    if (!Object.hasOwn(chosen, variable)) chosen[variable] = [];
    const values = chosen[variable]!;
    // Grafana's older links say All for what newer ones call $__all.
    values.push(value === 'All' ? '$__all' : value);
  }
  const text = (name: string): string | undefined => parameters.get(name) || undefined;
  const around = rangeAround(text('time'), text('time.window'));
  return {
    from: around?.from ?? text('from'),
    to: around?.to ?? text('to'),
    timezone: text('timezone'),
    refresh: parameters.has('refresh') ? parameters.get('refresh') || 'off' : undefined,
    viewPanel: normalPanelKey(text('viewPanel')),
    kiosk: parameters.has('kiosk') && parameters.get('kiosk') !== 'false',
    chosen,
  };
}

/**
 * The range of Grafana's `time` and `time.window`, both in milliseconds: half of the window before the time, half after it.
 * Links from a point of a graph have them; they are written back as `from` and `to`.
 */
function rangeAround(time: string | undefined, window: string | undefined): { from: string; to: string } | undefined {
  if (!/^\d{1,15}$/.test(time ?? '') || !/^\d{1,15}$/.test(window ?? '')) return undefined;
  const half = Math.floor(Number(window) / 2);
  return { from: String(Number(time) - half), to: String(Number(time) + half) };
}

/** `7` of older links and `panel-7` of newer ones name the same panel. */
function normalPanelKey(key: string | undefined): string | undefined {
  return key && /^\d+$/.test(key) ? `panel-${key}` : key;
}

/** The query string, with a leading `?`; parameters of others (theme, for one) stay as they are in `before`. */
export function writeUrlState(state: DashboardUrlState, before = ''): string {
  const parameters = new URLSearchParams();
  const set = (name: string, value: string | undefined): void => {
    if (value) parameters.set(name, value);
  };
  set('from', state.from);
  set('to', state.to);
  set('timezone', state.timezone);
  for (const [name, values] of Object.entries(state.chosen)) {
    // A variable without a value is written empty: left out, it would fall back to its default.
    if (values.length === 0) parameters.append(variablePrefix + name, '');
    for (const value of values) parameters.append(variablePrefix + name, value);
  }
  set('refresh', state.refresh);
  set('viewPanel', state.viewPanel);
  if (state.kiosk) parameters.set('kiosk', 'true');
  for (const [name, value] of new URLSearchParams(before)) {
    if (!isOwnParameter(name)) parameters.append(name, value);
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

const ownParameters = new Set(['from', 'to', 'time', 'time.window', 'timezone', 'refresh', 'viewPanel', 'kiosk']);

function isOwnParameter(name: string): boolean {
  return ownParameters.has(name) || name.startsWith(variablePrefix);
}

/** What of the variables belongs in the URL: not constants, nor those that ask not to be there. */
export function chosenForUrl(states: VariableState[]): Chosen {
  const chosen: Chosen = {};
  for (const { definition, chosen: values } of states) {
    if (isInUrl(definition)) chosen[definition.name] = values;
  }
  return chosen;
}

function isInUrl(variable: Variable): boolean {
  return variable.type !== 'constant' && variable.skipUrlSync !== true;
}

export function sameChosen(a: Chosen, b: Chosen): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => {
    const left = a[name] ?? [];
    const right = b[name] ?? [];
    return left.length === right.length && left.every((value, index) => value === right[index]);
  });
}
