// Options and chosen values of a dashboard's variables, each after those it needs.
import { rangeUtil, type TimeRange } from '@grafana/data';
import type { Dashboard, Variable } from '../../dashboard';
import type { Away, Chosen, VariableState } from '../contract';
import { AnswerError } from '../http/answer-errors';
import type { SendRequest } from '../http/request';
import { createInterpolation } from '../interpolation';
import { autoIntervalValue } from '../interpolation/auto-interval';
import { all } from '../interpolation/variable-value';
import { queryFormat } from '../prometheus/query';
import { datasources, resolveSource } from '../sources';
import { dependentNames, referencedNames, resolutionOrder } from './dependencies';
import { filterByRegex, type Option, parseCustomOptions, sortOptions } from './options';
import { queryOptions, queryText } from './query-options';
import { unreadVariable } from './unread';

interface Resolution {
  send: SendRequest;
  dashboard: Dashboard;
  range: TimeRange;
  signal: AbortSignal;
  /** Variables that lose the values which their options lack. */
  following: ReadonlySet<string>;
  /** Those that are resolved. */
  states: Map<string, VariableState>;
}

/** In the order of the dashboard. A variable that fails has `error`, no options, and keeps what was chosen. */
export async function resolveVariables(send: SendRequest, dashboard: Dashboard, chosen: Chosen, range: TimeRange, signal: AbortSignal, changed?: string): Promise<VariableState[]> {
  const definitions = dashboard.templating?.list ?? [];
  const { groups, cyclic } = resolutionOrder(definitions);
  const following = changed === undefined ? new Set<string>() : dependentNames(definitions, changed);
  const resolution: Resolution = { send, dashboard, range, signal, following, states: new Map() };
  for (const group of groups) {
    const states = await Promise.all(group.map((definition) => resolveOne(definition, chosen[definition.name], resolution)));
    for (const state of states) resolution.states.set(state.definition.name, state);
  }
  for (const definition of definitions) {
    const way = cyclic.get(definition.name);
    if (way) resolution.states.set(definition.name, failed(definition, chosen[definition.name], `The variables need each other in a circle: ${way.join(' → ')}.`));
  }
  return definitions.flatMap(({ name }) => resolution.states.get(name) ?? []);
}

async function resolveOne(definition: Variable, wanted: string[] | undefined, resolution: Resolution): Promise<VariableState> {
  try {
    const options = await optionsOf(definition, wanted, resolution);
    resolution.signal.throwIfAborted();
    return { definition, options, ...choice(definition, options, wanted, resolution.following.has(definition.name)) };
  } catch (error) {
    resolution.signal.throwIfAborted();
    return failed(definition, wanted, (error as Error).message, error instanceof AnswerError ? error.away : undefined);
  }
}

function failed(definition: Variable, wanted: string[] | undefined, error: string, away?: Away): VariableState {
  return { definition, options: [], chosen: wanted ?? storedChoice(definition), error, ...(away ? { away } : {}) };
}

async function optionsOf(definition: Variable, wanted: string[] | undefined, resolution: Resolution): Promise<Option[]> {
  const query = typeof definition.query === 'string' ? definition.query : '';
  switch (definition.type) {
    case 'query':
      return queryVariableOptions(definition, resolution);
    case 'custom':
      if (definition.valuesFormat === 'json') throw new Error('The viewer does not read custom options in JSON.');
      return parseCustomOptions(interpolate(resolution, query));
    case 'constant':
      return [{ text: query, value: query }];
    case 'textbox': {
      const typed = wanted?.[0] ?? storedChoice(definition)[0] ?? interpolate(resolution, query);
      return [{ text: typed, value: typed }];
    }
    case 'interval':
      return intervalOptions(definition, query);
    case 'datasource': {
      const known = datasources.filter(({ type }) => type === query).map(({ uid }) => ({ text: uid, value: uid }));
      return filterByRegex(known, interpolate(resolution, definition.regex ?? ''));
    }
    default:
      throw new Error(`The viewer does not have variables of the type "${definition.type}".`);
  }
}

async function queryVariableOptions(definition: Variable, resolution: Resolution): Promise<Option[]> {
  const { send, range, signal, states } = resolution;
  // "Never": the options are those that were saved.
  if (definition.refresh === 0 && definition.options?.length) return definition.options.map(({ text, value }) => ({ text: String(text), value: String(value) })).filter(({ value }) => value !== all);
  const source = resolveSource([definition.datasource], (text) => interpolate(resolution, text));
  if (typeof source === 'object') throw new Error(`It asks for ${source.unsupported}, which the viewer cannot query.`);
  const unread = unreadVariable(referencedNames(definition, new Set(states.keys())), [...states.values()]);
  if (unread) throw new AnswerError(unread.error ?? '', unread.away);
  const text = interpolate(resolution, queryText(definition), queryFormat);
  const found = await queryOptions(text, { send, source, range, signal });
  const regex = interpolate(resolution, definition.regex ?? '', 'regex');
  const applyTo = definition.regexApplyTo === 'text' ? 'text' : 'value';
  return sortOptions(filterByRegex(found, regex, applyTo), definition.sort);
}

/** `1m,10m,1h`, also in quotes; `auto` comes first where it is on. */
function intervalOptions(definition: Variable, query: string): Option[] {
  const options = [...query.matchAll(/(["'])(.*?)\1|[\w.]+/g)].map(([match, , quoted]) => quoted ?? match).map((value) => ({ text: value, value }));
  return definition.auto ? [{ text: 'auto', value: autoIntervalValue(definition) }, ...options] : options;
}

function storedChoice(definition: Variable): string[] {
  const value = definition.current?.value;
  return value === undefined || value === null ? [] : [value].flat().map(String).filter((one) => one !== '');
}

/**
 * What is wanted, else what is stored, else All where the dashboard offers it, else the first. A wanted value that is no option is kept, so
 * that nobody reads other data than was asked for, unless the dashboard allows options only; `unknown` names it either way. What follows
 * another variable only loses it.
 */
function choice(definition: Variable, options: Option[], wanted: string[] | undefined, follows: boolean): Pick<VariableState, 'chosen' | 'unknown'> {
  if (definition.type === 'constant' || definition.type === 'textbox') return { chosen: options.map(({ value }) => value) };
  const asked = wanted ?? [];
  const unknown = definition.includeAll && asked.includes(all) ? [] : asked.filter((one) => one !== '' && !follows && !isDefaultSource(definition, one) && find(options, one) === undefined);
  const keeps = allowsOthers(definition) ? unknown : [];
  return { chosen: chosenValues(definition, options, asked, keeps), ...(unknown.length > 0 ? { unknown } : {}) };
}

function chosenValues(definition: Variable, options: Option[], asked: string[], keeps: string[]): string[] {
  for (const candidate of [asked, storedChoice(definition)]) {
    if (definition.includeAll && candidate.includes(all)) return [all];
    const valid = candidate.flatMap((one) => (candidate === asked && keeps.includes(one) ? one : (find(options, one) ?? [])));
    if (valid.length > 0) return definition.multi ? valid : valid.slice(0, 1);
  }
  if (definition.includeAll) return [all];
  return options.slice(0, 1).map(({ value }) => value);
}

/** Links may name an option by its text. */
function find(options: Option[], one: string): string | undefined {
  return (options.find(({ value }) => value === one) ?? options.find(({ text }) => text === one))?.value;
}

/** Grafana's word for whichever datasource is its default. */
function isDefaultSource({ type }: Variable, one: string): boolean {
  return type === 'datasource' && one === 'default';
}

/** Sources and intervals that are not there cannot be asked for; other values may be ones that the options miss. */
function allowsOthers({ type, allowCustomValue }: Variable): boolean {
  return (type === 'query' || type === 'custom') && allowCustomValue !== false;
}

function interpolate(resolution: Resolution, text: string, format?: string | typeof queryFormat): string {
  const { dashboard, range, states } = resolution;
  const milliseconds = Math.max(15_000, range.to.valueOf() - range.from.valueOf());
  const intervals = { step: rangeUtil.roundInterval(milliseconds / 100), rate: Math.max(60_000, rangeUtil.roundInterval(milliseconds / 100)) };
  return createInterpolation({ dashboard, range, timeZone: 'browser', variables: [...states.values()], intervals })(text, undefined, format);
}
