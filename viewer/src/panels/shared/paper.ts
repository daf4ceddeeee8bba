// Panels on paper.
import type { PanelInput, PanelView } from '../contract';

/**
 * A view that stays as it was drawn while the page is laid out for paper. There a panel's box grows with its legend, and a picture that
 * followed the box would make it grow without end.
 */
export function steadyOnPaper(view: PanelView): PanelView {
  const paper = matchMedia('print');
  let isDrawn = false;
  let missed: PanelInput | undefined;

  function update(input: PanelInput): void {
    missed = paper.matches && isDrawn ? input : undefined;
    if (!missed) {
      view.update(input);
      isDrawn = true;
    }
  }
  function catchUp(): void {
    if (missed) {
      update(missed);
    }
  }

  paper.addEventListener('change', catchUp);
  return {
    element: view.element,
    update,
    destroy() {
      paper.removeEventListener('change', catchUp);
      view.destroy();
    },
  };
}
