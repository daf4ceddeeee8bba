// Fills variables into texts: `$x`, `${x}`, `${x:format}`, `${x.path}`, `[[x]]`, `[[x:format]]`.
// Source: Grafana documentation, "Variable syntax".
import type { InterpolateFunction, ScopedVars, TimeRange } from '@grafana/data';
import type { Dashboard } from '../../dashboard';
import type { ScopedVariables, VariableState } from '../contract';
import type { Intervals } from '../intervals';
import { autoIntervalValue } from './auto-interval';
import { formatValue, isKnownFormat } from './formats';
import { dataMacro } from './data-macros';
import { dashboardMacro } from './dashboard-macros';
import { type VariableValue, variableValue } from './variable-value';

export interface InterpolationInput {
  dashboard: Pick<Dashboard, 'uid' | 'title'>;
  variables: VariableState[];
  range: TimeRange;
  timeZone: string;
  /** Of repeated panels and rows: these come before the variables. */
  scoped?: ScopedVariables | undefined;
  intervals: Intervals;
  /** Told of variables and formats that the viewer does not know: `variable $__user.login`. */
  onUnsupported?: ((what: string) => void) | undefined;
}

/** A name after `$`, a name in `[[ ]]` with its format, or a name in `${ }` with its path and format. */
const pattern = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

/** What a macro gives: a value that formats apply to, or text that stands as it is. */
export type MacroValue = VariableValue | { literal: string };

export function createInterpolation(input: InterpolationInput): InterpolateFunction {
  const interpolate: InterpolateFunction = (text, scopedVars, defaultFormat) => {
    if (!text || !/[$[]/.test(text)) return text ?? '';
    return text.replace(pattern, (match: string, plain?: string, bracket?: string, bracketFormat?: string, braced?: string, path?: string, bracedFormat?: string) => {
      const name = plain ?? bracket ?? braced ?? '';
      const format = bracketFormat ?? bracedFormat;
      const found = find(input, interpolate, name, path, format, scopedVars);
      if (found === undefined) {
        // `$1` and the like belong to regular expressions.
        if (name.startsWith('__') && !knownLater.has(name)) input.onUnsupported?.(`variable $${path ? `${name}.${path}` : name}`);
        return match;
      }
      if ('literal' in found) return found.literal;
      return written(input, found, name, format, defaultFormat);
    });
  };
  return interpolate;
}

/** They have a value only inside links and display names of data. */
const knownLater = new Set(['__value', '__data', '__field', '__series', '__cell', '__calc', '__all']);

function find(
  input: InterpolationInput,
  interpolate: InterpolateFunction,
  name: string,
  path: string | undefined,
  format: string | undefined,
  scopedVars: ScopedVars | undefined,
): MacroValue | undefined {
  const fromCaller = scopedVars?.[path ? `${name}.${path}` : name] ?? (path ? undefined : input.scoped?.[name]);
  if (fromCaller && name !== '__dataContext') {
    const value = Array.isArray(fromCaller.value) ? fromCaller.value.map(String) : String(fromCaller.value);
    const definition = input.variables.find((state) => state.definition.name === name)?.definition;
    return { value, text: String(fromCaller.text ?? fromCaller.value), several: Boolean(definition?.multi || definition?.includeAll) };
  }
  const macro = dataMacro(name, path, scopedVars) ?? dashboardMacro(input, name, path, format);
  if (macro) return macro;
  const state = input.variables.find(({ definition }) => definition.name === name || autoIntervalValue(definition) === `$${name}`);
  if (!state) return undefined;
  return variableValue(state, input.range, format, (text) => interpolate(text, scopedVars));
}

function written(input: InterpolationInput, found: VariableValue, name: string, format: string | undefined, defaultFormat: string | Function | undefined): string {
  const { value, text, several } = found;
  const asInput = { name, value, text, timeZone: input.timeZone };
  if (format !== undefined) {
    if (!isKnownFormat(format)) input.onUnsupported?.(`variable format ${format}`);
    return formatValue(format, asInput);
  }
  if (typeof defaultFormat === 'function') return String((defaultFormat as (value: string | string[], variable: object) => unknown)(value, { name, multi: several, includeAll: several }));
  return formatValue(defaultFormat ?? 'glob', asInput);
}
