// The box beside the pointer. One a view, at the end of the body so that no panel cuts it off.
import { element, pixels } from '../../dom';

export interface Tooltip {
  show(content: Node, clientX: number, clientY: number): void;
  hide(): void;
  /** Stays where it is, can be hovered and scrolled; Escape or the button closes it. */
  pin(): void;
  readonly pinned: boolean;
  readonly element: HTMLElement;
  destroy(): void;
}

const DISTANCE = 12;

export function createTooltip(limits: { maxWidth?: number; maxHeight?: number } = {}): Tooltip {
  const box = element('div', { class: 'panel-tooltip', role: 'tooltip', 'data-panel-tooltip': true, hidden: true });
  if (limits.maxWidth) {
    box.style.maxWidth = pixels(limits.maxWidth);
  }
  if (limits.maxHeight) {
    box.style.maxHeight = pixels(limits.maxHeight);
  }
  let pinned = false;

  function hide(): void {
    pinned = false;
    box.hidden = true;
    box.classList.remove('panel-tooltip-pinned');
    document.removeEventListener('keydown', onKey, true);
    document.removeEventListener('pointerdown', onOutside, true);
  }
  function onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      event.stopPropagation();
      hide();
    }
  }
  function onOutside(event: Event): void {
    if (!box.contains(event.target as Node)) {
      hide();
    }
  }

  return {
    element: box,
    get pinned() {
      return pinned;
    },
    show(content, clientX, clientY) {
      if (pinned) {
        return;
      }
      if (!box.isConnected) {
        document.body.append(box);
      }
      box.replaceChildren(content);
      box.hidden = false;
      place(box, clientX, clientY);
    },
    hide() {
      if (!pinned) {
        hide();
      }
    },
    pin() {
      if (box.hidden || pinned) {
        return;
      }
      pinned = true;
      box.classList.add('panel-tooltip-pinned');
      const close = element('button', { type: 'button', class: 'panel-tooltip-close', 'aria-label': 'Close' }, '×');
      close.addEventListener('click', hide);
      box.prepend(close);
      document.addEventListener('keydown', onKey, true);
      document.addEventListener('pointerdown', onOutside, true);
    },
    destroy() {
      hide();
      box.remove();
    },
  };
}

/** For new data: a box that the reader has pinned stays as it is. */
export function renewTooltip(tooltip: Tooltip, limits: { maxWidth?: number; maxHeight?: number } | undefined): Tooltip {
  if (tooltip.pinned) {
    return tooltip;
  }
  tooltip.destroy();
  return createTooltip(limits);
}

/** Beside the pointer, on the side that has room, always inside the window. */
function place(box: HTMLElement, clientX: number, clientY: number): void {
  const { width, height } = box.getBoundingClientRect();
  const right = clientX + DISTANCE;
  const left = right + width > window.innerWidth ? clientX - DISTANCE - width : right;
  const below = clientY + DISTANCE;
  const top = below + height > window.innerHeight ? clientY - DISTANCE - height : below;
  box.style.left = pixels(Math.max(4, left));
  box.style.top = pixels(Math.max(4, Math.min(top, window.innerHeight - height - 4)));
}

export interface TooltipRow {
  color?: string;
  name: string;
  value: string;
  /** The series nearest to the pointer. */
  active?: boolean;
}

/** A heading, usually the time, and rows of colour, name and value. */
export function tooltipContent(heading: string, rows: TooltipRow[], footer?: Node): DocumentFragment {
  const fragment = document.createDocumentFragment();
  fragment.append(element('div', { class: 'panel-tooltip-heading' }, heading));
  const list = element('div', { class: 'panel-tooltip-rows' });
  for (const row of rows) {
    const swatch = element('span', { class: 'panel-swatch' });
    if (row.color) {
      swatch.style.backgroundColor = row.color;
    }
    list.append(
      element(
        'div',
        { class: row.active ? 'panel-tooltip-row panel-tooltip-active' : 'panel-tooltip-row' },
        row.color ? swatch : undefined,
        element('span', { class: 'panel-tooltip-name' }, row.name),
        element('span', { class: 'panel-tooltip-value' }, row.value),
      ),
    );
  }
  fragment.append(list);
  if (footer) {
    fragment.append(element('div', { class: 'panel-tooltip-footer' }, footer));
  }
  return fragment;
}
