// What a panel shows without data: the panel's own `noValue`, or Grafana's "No data".
import type { DataFrame } from '@grafana/data';
import type { PanelInput } from '../contract';
import { element } from '../../dom';

export function noDataText(input: PanelInput): string {
  const { noValue } = input.panel.fieldConfig.defaults;
  return noValue ? input.replaceVariables(noValue) : 'No data';
}

export function showNoData(root: HTMLElement, input: PanelInput, text = noDataText(input)): void {
  root.replaceChildren(element('div', { class: 'panel-no-data', 'data-no-data': true }, text));
}

export function hasRows(frames: DataFrame[]): boolean {
  return frames.some((frame) => frame.length > 0 && frame.fields.length > 0);
}
