// Reduced values of a panel (stat, gauge, bar gauge, pie), as Grafana's own function computes them.
import { type FieldDisplay, getFieldDisplayValues, formattedValueToString, type FormattedValue } from '@grafana/data';
import type { PanelInput } from '../contract';
import type { Orientation } from './repeat';

export interface ReducedOptions {
  reduceOptions?: { values?: boolean; calcs?: string[]; fields?: string; limit?: number };
  orientation?: Orientation;
  text?: { titleSize?: number; valueSize?: number };
}

export function reducedValues(input: PanelInput, { sparkline = false, percentChange = false } = {}): FieldDisplay[] {
  const { reduceOptions } = input.panel.options as ReducedOptions;
  return getFieldDisplayValues({
    data: withoutTextOnly(input),
    reduceOptions: { ...reduceOptions, calcs: reduceOptions?.calcs ?? ['lastNotNull'] },
    fieldConfig: input.panel.fieldConfig,
    replaceVariables: input.replaceVariables,
    theme: input.theme,
    timeZone: input.timeZone,
    sparkline,
    percentChange,
  });
}

/** Fields that an override hides are not reduced. */
function withoutTextOnly({ frames }: PanelInput): PanelInput['frames'] {
  return frames.map((frame) => ({ ...frame, fields: frame.fields.filter((field) => !field.config.custom?.hideFrom?.viz) }));
}

export function isNoValue(value: FieldDisplay): boolean {
  return value.view === undefined;
}

export function displayText(display: FormattedValue): string {
  return formattedValueToString(display);
}
