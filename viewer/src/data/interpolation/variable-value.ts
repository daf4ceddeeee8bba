// What a dashboard's own variable stands for: the chosen values, or for All every option or the custom "all" value.
import type { TimeRange } from '@grafana/data';
import type { VariableState } from '../contract';
import { autoInterval, autoIntervalValue } from './auto-interval';
import type { MacroValue } from './index';

export const all = '$__all';

export interface VariableValue {
  value: string | string[];
  text: string;
  /** The variable may have several values: queries then read them as a regular expression. */
  several: boolean;
}

/** The formats for which All stays a word instead of becoming its values. */
const wordFormats = new Set(['text', 'queryparam', 'percentencode']);

export function variableValue(state: VariableState, range: TimeRange, format: string | undefined, interpolate: (text: string) => string): MacroValue {
  const { definition, options, chosen } = state;
  const several = Boolean(definition.multi || definition.includeAll);
  if (chosen.includes(all)) {
    if (format === 'text') return { value: 'All', text: 'All', several };
    if (format === 'queryparam') return { value: all, text: 'All', several };
    // The custom value is a regular expression or whatever its author meant: it stands as it is.
    if (definition.allValue && !wordFormats.has(format ?? '')) return { literal: interpolate(definition.allValue) };
    const values = options.filter(({ value }) => value !== all).map(({ value }) => value);
    return { value: definition.allValue ? interpolate(definition.allValue) : values, text: 'All', several };
  }
  if (definition.type === 'interval' && chosen[0] === autoIntervalValue(definition)) {
    return { value: autoInterval(definition, range, interpolate), text: 'auto', several };
  }
  const texts = chosen.map((value) => options.find((option) => option.value === value)?.text ?? value);
  return { value: definition.multi ? chosen : (chosen[0] ?? ''), text: texts.join(' + '), several };
}
