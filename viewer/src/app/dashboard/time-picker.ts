// The box of the time picker: absolute inputs, recent and quick ranges, time zone.
import { freshId } from '../accessibility';
import { element, replaceChildren, type Child } from '../../dom';
import { remember, remembered } from '../storage';
import type { Session } from './session';
import { describeRange, inputText, quickRanges, readRangeInputs, type RawRange } from './time';

const recentName = 'recent-ranges';
const recentCount = 4;

export function timePickerContent(session: Session, close: () => void): Child {
  const apply = (raw: RawRange): void => {
    close();
    session.setTime(raw);
  };
  const own = session.dashboard.timepicker?.quick_ranges ?? quickRanges;
  const rangeButton = (raw: RawRange, text: string): HTMLElement =>
    element('button', {
      type: 'button', class: 'range-button', 'aria-pressed': String(raw.from === session.raw.from && raw.to === session.raw.to), onclick: () => apply(raw),
    }, text);
  const recent = remembered<RawRange[]>(recentName, []).filter((raw) => typeof raw?.from === 'string' && typeof raw.to === 'string');
  return element('div', { class: 'time-picker' },
    element('div', { class: 'time-absolute' },
      element('h2', {}, 'From and to'),
      absoluteForm(session, (raw) => {
        if (!own.some((range) => range.from === raw.from && range.to === raw.to)) rememberRange(raw);
        apply(raw);
      }),
      recent.length > 0 ? element('h2', {}, 'Recently used') : null,
      recent.map((raw) => rangeButton(raw, describeRange(raw, session.timeZone))),
      zoneChoice(session, close)),
    element('div', { class: 'time-quick', role: 'group', 'aria-label': 'Quick ranges' },
      element('h2', {}, 'Quick ranges'),
      own.map((range) => rangeButton(range, range.display))));
}

function absoluteForm(session: Session, apply: (raw: RawRange) => void): HTMLElement {
  const from = timeField('From', inputText(session.raw.from, session.timeZone), true);
  const to = timeField('To', inputText(session.raw.to, session.timeZone), false);
  const submit = (event: Event): void => {
    event.preventDefault();
    const answer = readRangeInputs(from.input.value, to.input.value, session.timeZone);
    if ('range' in answer) return apply(answer.range);
    from.setError(answer.fromError);
    to.setError(answer.toError);
    (answer.fromError ? from : to).input.focus();
  };
  return element('form', { onsubmit: submit, novalidate: true },
    from.element, to.element,
    element('p', { class: 'hint' }, 'Such as now-1h, now/d, 18:00, 2026-01-31 or 2026-01-31 18:00:00.'),
    element('button', { type: 'submit', class: 'button button-primary' }, 'Apply time range'));
}

function timeField(label: string, value: string, first: boolean) {
  const id = freshId('time');
  const error = element('p', { class: 'field-error', id: `${id}-error`, hidden: true });
  const input = element('input', { id, class: 'text-input', type: 'text', value, autocomplete: 'off', spellcheck: 'false', 'data-first': first });
  return {
    input,
    element: element('div', { class: 'field' }, element('label', { for: id }, label), input, error),
    setError: (message: string | undefined): void => {
      replaceChildren(error, message);
      error.hidden = message === undefined;
      input.setAttribute('aria-invalid', String(message !== undefined));
      if (message) input.setAttribute('aria-describedby', error.id);
      else input.removeAttribute('aria-describedby');
    },
  };
}

function zoneChoice(session: Session, close: () => void): HTMLElement {
  const browser = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = [['browser', `Browser (${browser})`], ['utc', 'UTC']];
  if (!zones.some(([zone]) => zone === session.timeZone)) zones.push([session.timeZone, session.timeZone]);
  const id = freshId('zone');
  const select = element('select', { id, class: 'text-input' },
    zones.map(([zone, label]) => element('option', { value: zone, selected: zone === session.timeZone }, label)));
  select.addEventListener('change', () => {
    close();
    session.setTimeZone(select.value);
  });
  return element('div', { class: 'field zone-field' }, element('label', { for: id }, 'Time zone'), select);
}

function rememberRange(raw: RawRange): void {
  const before = remembered<RawRange[]>(recentName, []).filter((range) => range.from !== raw.from || range.to !== raw.to);
  remember(recentName, [raw, ...before].slice(0, recentCount));
}
