// A panel of a kind that the viewer does not draw says so, in place of its content.
import type { PanelKind } from './contract';
import { element } from '../dom';
import { emptyDrawn, redrawnView, setDrawn } from './shared/drawn';

export function unsupportedKind(type: string): PanelKind {
  return {
    create: () =>
      redrawnView('unsupported', (root) => {
        root.dataset.unsupportedKind = type;
        setDrawn(root, emptyDrawn('unsupported'));
        root.replaceChildren(element('div', { class: 'panel-no-data', 'data-unsupported': type }, `The viewer does not draw panels of the kind "${type}". Grafana does.`));
      }),
    unsupported: () => [`panel kind "${type}"`],
    needsData: false,
  };
}
