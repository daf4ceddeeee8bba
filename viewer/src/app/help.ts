// The list of keyboard shortcuts of this page.
import { openDialog } from './dialog';
import { element } from '../dom';
import { activeBindings, type KeyBinding } from './keyboard';

export function openHelp(): void {
  if (document.querySelector('dialog[open]')) return;
  const groups = new Map<string, Map<string, KeyBinding[]>>();
  for (const binding of activeBindings()) {
    const group = groups.get(binding.group) ?? new Map<string, KeyBinding[]>();
    groups.set(binding.group, group);
    group.set(binding.description, [...(group.get(binding.description) ?? []), binding]);
  }
  openDialog(
    'Keyboard and pointer',
    { class: 'help' },
    [...groups].map(([group, rows]) =>
      element(
        'section',
        {},
        element('h3', {}, group),
        element('dl', {}, [...rows].map(([description, bindings]) =>
          element('div', {},
            element('dt', {}, description),
            element('dd', {}, bindings.map((binding, index) => [index > 0 ? ' or ' : null, keyCaps(binding.keys)])),
          ))),
      )),
    element('section', {},
      element('h3', {}, 'With the pointer, on graphs'),
      element('dl', {}, pointer.map(([what, how]) => element('div', {}, element('dt', {}, what), element('dd', {}, how))))),
  );
}

const pointer: [string, string][] = [
  ['Zoom into a range of time', 'Drag across a graph'],
  ['Zoom out', 'Double click on a graph'],
  ['Show one series alone', 'Click on its name in the legend'],
  ['Hide or show a series', 'Ctrl or Cmd and click on its name'],
];

const caps: Record<string, string> = { left: '←', right: '→', esc: 'Esc', 'ctrl+k': 'Ctrl K' };

function keyCaps(keys: string): HTMLElement[] {
  return keys.split(' ').map((key) => element('kbd', {}, caps[key] ?? key));
}
