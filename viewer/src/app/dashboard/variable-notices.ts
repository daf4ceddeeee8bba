// What the reader must know of the variables: values that are none of theirs, and those whose values could not be read.
import type { VariableState } from '../../data/contract';
import { element, replaceChildren } from '../../dom';
import { icon } from '../icons';
import { allValue, valueText } from './variable-choice';
import type { Session } from './session';

/** More values than this are counted, not listed. */
const longestList = 5;

/** `“nosuch” is no value of instance; it has a, b.` Undefined where all is well. */
export function unknownText(state: VariableState): string | undefined {
  const { definition, options, chosen, unknown = [] } = state;
  if (unknown.length === 0) return undefined;
  const names = options.map(({ text }) => text);
  const more = names.length > longestList ? ` and ${names.length - longestList} more` : '';
  const has = names.length === 0 ? 'it has none in this range of time' : `it has ${names.slice(0, longestList).join(', ')}${more}`;
  const verb = unknown.length > 1 ? 'are no values' : 'is no value';
  const instead = unknown.some((value) => chosen.includes(value)) ? '' : `, so ${valueText(state)} is shown instead`;
  return `${unknown.map((value) => `“${value}”`).join(', ')} ${verb} of ${definition.label || definition.name}${instead}; ${has}.`;
}

/** Those with the same reason together. What a banner says already is left out. */
export function failureTexts(states: VariableState[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { definition, error, away } of states) {
    if (error && !away) reasons.set(error, [...(reasons.get(error) ?? []), definition.label || definition.name]);
  }
  return [...reasons].map(([reason, names]) => `${names.join(', ')} could not be read: ${reason}`);
}

export function createVariableNotices(session: Session): { element: HTMLElement; update(): void } {
  const place = element('div', { class: 'variable-notices' });
  let shown = '';
  return {
    element: place,
    update: () => {
      const unknown = session.variables.flatMap((state) => ({ state, text: unknownText(state) })).filter(({ text }) => text !== undefined);
      const failures = failureTexts(session.variables.filter(({ definition }) => definition.hide !== 2));
      const now = JSON.stringify([unknown.map(({ text }) => text), failures]);
      // Said anew only when it is new.
      if (now === shown) return;
      shown = now;
      replaceChildren(place,
        failures.map((text) => element('p', { class: 'variable-notice variable-failure', role: 'alert' }, icon('alert'), text)),
        unknown.map(({ state, text }) => element('p', { class: 'variable-notice', role: 'status' }, icon('alert'), text, wayBack(session, state))));
    },
  };
}

/** Chooses what the variable does have. */
function wayBack(session: Session, { definition, options, chosen, unknown = [] }: VariableState): HTMLElement | null {
  if (!unknown.some((value) => chosen.includes(value))) return null;
  const rest = chosen.filter((value) => !unknown.includes(value));
  const first = options[0];
  const values = rest.length > 0 ? rest : definition.includeAll ? [allValue] : first ? [first.value] : undefined;
  if (!values) return null;
  const label = values[0] === allValue ? 'All' : values.map((value) => options.find((option) => option.value === value)?.text ?? value).join(' + ');
  return element('button', { type: 'button', class: 'link-button', onclick: () => session.setVariable(definition.name, values) }, `Show ${label}`);
}
