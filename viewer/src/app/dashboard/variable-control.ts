// One variable: a text field, or a list with search, check boxes where several may be chosen, and All.
import type { VariableState } from '../../data/contract';
import { freshId } from '../accessibility';
import { element, replaceChildren, type Child } from '../../dom';
import { icon } from '../icons';
import { attachPopover } from '../menu';
import { matchesWords } from '../words';
import { allValue, toggleValue, valueText } from './variable-choice';

export interface VariableControl {
  element: HTMLElement;
  update(state: VariableState): void;
}

/** Lists longer than this show only what the search leaves of them. */
const longestList = 500;

export function createVariableControl(first: VariableState, choose: (values: string[]) => void): VariableControl {
  return first.definition.type === 'textbox' ? textControl(first, choose) : listControl(first, choose);
}

function frame(state: VariableState, id: string, control: HTMLElement, error: HTMLElement): HTMLElement {
  const { label, name, description, hide } = state.definition;
  return element('div', { class: 'variable', 'data-variable': name },
    element('label', { for: id, class: hide === 1 ? 'visually-hidden' : 'variable-label', title: description }, label || name), control, error);
}

function errorMark(): { element: HTMLElement; show(message: string | undefined): void } {
  const mark = element('span', { class: 'variable-error', role: 'img', hidden: true }, icon('alert'));
  return {
    element: mark,
    show: (message) => {
      mark.hidden = !message;
      mark.title = message ?? '';
      mark.setAttribute('aria-label', message ?? '');
    },
  };
}

function textControl(first: VariableState, choose: (values: string[]) => void): VariableControl {
  const id = freshId('variable');
  const input = element('input', { id, type: 'text', class: 'text-input', autocomplete: 'off', spellcheck: 'false' });
  const error = errorMark();
  let current = '';
  const apply = (): void => {
    if (input.value !== current) choose([input.value]);
  };
  input.addEventListener('change', apply);
  return {
    element: frame(first, id, input, error.element),
    update: (state) => {
      current = state.chosen[0] ?? '';
      if (document.activeElement !== input) input.value = current;
      error.show(state.error);
    },
  };
}

function listControl(first: VariableState, choose: (values: string[]) => void): VariableControl {
  const id = freshId('variable');
  const text = element('span', { class: 'variable-value' });
  const button = element('button', { id, type: 'button', class: 'button variable-button' }, text, icon('chevronDown'));
  const error = errorMark();
  let state = first;
  let pending: string[] | undefined;

  attachPopover(
    button,
    (close) => optionList(state, (values, done) => {
      pending = values;
      if (done) close();
    }),
    {
      label: `Values of ${first.definition.label || first.definition.name}`,
      class: 'variable-box',
      focusFirst: 'input[type=search]',
      onClose: () => {
        const values = pending;
        pending = undefined;
        if (values && values.join('\n') !== state.chosen.join('\n')) choose(values);
      },
    },
  );
  return {
    element: frame(first, id, button, error.element),
    update: (next) => {
      state = next;
      text.textContent = valueText(state);
      button.title = state.chosen.length > 1 ? state.chosen.join(', ') : '';
      const { label, name } = state.definition;
      button.setAttribute('aria-label', `${label || name}: ${text.textContent}`);
      error.show(state.error);
    },
  };
}

function optionList(state: VariableState, pick: (values: string[], done: boolean) => void): Child {
  const { definition } = state;
  const multi = definition.multi === true;
  let chosen = [...state.chosen];
  const all = definition.includeAll && !state.options.some((option) => option.value === allValue) ? [{ text: 'All', value: allValue }] : [];
  // A chosen value that is no option can be taken away like any other.
  const others = (state.unknown ?? []).filter((value) => state.chosen.includes(value)).map((value) => ({ text: value, value }));
  const options = [...all, ...others, ...state.options];
  const search = element('input', { type: 'search', class: 'text-input', placeholder: 'Search', 'aria-label': 'Search values', autocomplete: 'off', spellcheck: 'false' });
  const list = element('div', { class: 'variable-options', role: 'listbox', 'aria-label': definition.label || definition.name, 'aria-multiselectable': String(multi), tabindex: -1 });

  const draw = (): void => {
    const shown = options.filter((option) => matchesWords(option.text, search.value));
    replaceChildren(list, shown.slice(0, longestList).map((option) => {
      const selected = chosen.includes(option.value);
      return element('div', { role: 'option', class: 'variable-option', tabindex: -1, 'aria-selected': String(selected), 'data-value': option.value, onclick: (event: MouseEvent) => select(option.value, event.ctrlKey || event.metaKey) },
        multi ? element('span', { class: 'check-box', 'aria-hidden': 'true' }, selected ? icon('check') : null) : null, element('span', {}, option.text));
    }));
    if (shown.length === 0) list.append(element('p', { class: 'hint' }, options.length === 0 ? (state.error ?? 'This variable has no values.') : 'No value has these words.'));
    if (shown.length > longestList) list.append(element('p', { class: 'hint' }, `${shown.length - longestList} more: search for them.`));
  };
  const select = (value: string, alone: boolean): void => {
    chosen = multi && !alone ? toggleValue(chosen, value, definition.includeAll === true) : [value];
    pick(chosen, !multi);
    if (!multi) return;
    draw();
    list.querySelector<HTMLElement>(`[data-value="${CSS.escape(value)}"]`)?.focus();
  };
  const move = (event: KeyboardEvent): void => {
    const rows = [...list.querySelectorAll<HTMLElement>('[role=option]')];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const to = at + (event.key === 'ArrowDown' ? 1 : -1);
      (to < 0 ? search : rows[Math.min(to, rows.length - 1)])?.focus();
    } else if ((event.key === 'Enter' || event.key === ' ') && at >= 0) {
      event.preventDefault();
      rows[at]?.click();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      rows[0]?.click();
    }
  };
  search.addEventListener('input', draw);
  draw();
  return element('div', { class: 'variable-list', onkeydown: move },
    search, list,
    definition.allowCustomValue === false ? null : customValue(search, (value) => select(value, false)));
}

/** A value that the list does not have, as Grafana allows. */
function customValue(search: HTMLInputElement, select: (value: string) => void): HTMLElement {
  const button = element('button', { type: 'button', class: 'range-button', hidden: true, onclick: () => select(search.value) });
  search.addEventListener('input', () => {
    button.hidden = search.value === '';
    button.textContent = `Use “${search.value}”`;
  });
  return button;
}
