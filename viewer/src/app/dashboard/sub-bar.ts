// The second bar: variables, annotations to switch on and off, links of the dashboard.
import type { VariableState } from '../../data/contract';
import { element, replaceChildren } from '../../dom';
import { createLinksBar } from './links-bar';
import type { Change, Session } from './session';
import { createVariableNotices } from './variable-notices';
import { createVariableControl, type VariableControl } from './variable-control';

export interface SubBar {
  element: HTMLElement;
  update(change: Change): void;
}

export function createSubBar(session: Session): SubBar {
  const variables = element('div', { class: 'variables', role: 'group', 'aria-label': 'Variables' });
  const annotations = element('div', { class: 'annotations', role: 'group', 'aria-label': 'Annotations' });
  const links = element('nav', { class: 'dashboard-links', 'aria-label': 'Links of the dashboard' });
  const controls = new Map<string, VariableControl>();

  const drawVariables = (): void => {
    for (const state of session.variables) {
      const { definition } = state;
      if (!isShown(state)) {
        controls.get(definition.name)?.element.remove();
        controls.delete(definition.name);
        continue;
      }
      const control = controls.get(definition.name) ?? createVariableControl(state, (values) => session.setVariable(definition.name, values));
      if (!controls.has(definition.name)) {
        controls.set(definition.name, control);
        variables.append(control.element);
      }
      control.update(state);
    }
    if (variables.childElementCount === 0 && session.variables.length === 0) {
      replaceChildren(variables, (session.dashboard.templating?.list ?? []).filter((variable) => variable.hide !== 2 && !['constant', 'datasource'].includes(variable.type)).map(() =>
        element('span', { class: 'variable-sketch' })));
    } else variables.querySelectorAll('.variable-sketch').forEach((sketch) => sketch.remove());
  };
  const drawAnnotations = (): void => {
    const shown = (session.dashboard.annotations?.list ?? []).filter((annotation) => !annotation.hide && annotation.builtIn !== 1);
    const focused = annotations.contains(document.activeElement) ? (document.activeElement as HTMLInputElement).name : undefined;
    replaceChildren(annotations, shown.map((annotation) => {
      const box = element('input', { type: 'checkbox', class: 'switch', role: 'switch', name: annotation.name, checked: session.annotationIsOn(annotation), onchange: () => session.toggleAnnotation(annotation) });
      return element('label', { class: 'annotation-toggle' }, box, annotation.name);
    }));
    if (session.annotationErrors.length > 0) {
      annotations.append(element('span', { class: 'error-text', role: 'alert', title: session.annotationErrors.join('\n') }, 'Annotations failed'));
    }
    if (focused) annotations.querySelector<HTMLElement>(`[name="${CSS.escape(focused)}"]`)?.focus();
  };
  const drawLinks = createLinksBar(session, links);

  const notices = createVariableNotices(session);

  drawVariables();
  drawAnnotations();
  return {
    element: element('div', { class: 'sub-bar' }, variables, annotations, element('span', { class: 'grow' }), links, notices.element),
    update: (change) => {
      if (change === 'variables') {
        drawVariables();
        notices.update();
      }
      if (change === 'annotations') drawAnnotations();
      if (change === 'variables' || change === 'time' || change === 'view') drawLinks();
    },
  };
}

/** A source that is the only one of its kind leaves nothing to choose. */
function isShown({ definition, options, error }: VariableState): boolean {
  if (definition.hide === 2 || definition.type === 'constant') return false;
  return definition.type !== 'datasource' || options.length > 1 || error !== undefined;
}
