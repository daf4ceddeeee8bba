// A button that opens a list of actions (`menu`) or any content (`popover`) below it.
import { freshId } from './accessibility';
import { element, replaceChildren, type Child } from '../dom';
import { icon, type IconName } from './icons';

export interface MenuItem {
  label: string;
  icon?: IconName | undefined;
  /** A key to show at the right. */
  keys?: string;
  href?: string;
  newTab?: boolean;
  /** Why the item cannot be chosen. */
  disabledReason?: string | undefined;
  checked?: boolean;
  run?: () => void;
}

export interface Popover {
  close(): void;
  isOpen(): boolean;
}

let openPopover: (() => void) | undefined;

/** Makes `button` open `build()`'s content in a box under it. `focusFirst` chooses what gets the focus. */
export function attachPopover(
  button: HTMLElement,
  build: (close: () => void) => Child,
  options: { role?: 'dialog' | 'menu' | 'listbox'; label: string; class?: string; onClose?: () => void; focusFirst?: string; alignRight?: boolean },
): Popover {
  let box: HTMLElement | undefined;
  const id = freshId('popover');
  button.setAttribute('aria-haspopup', options.role ?? 'dialog');
  button.setAttribute('aria-expanded', 'false');

  const close = (): void => {
    if (!box) return;
    const hadFocus = box.contains(document.activeElement);
    box.remove();
    box = undefined;
    openPopover = undefined;
    button.setAttribute('aria-expanded', 'false');
    button.removeAttribute('aria-controls');
    document.removeEventListener('mousedown', outside, true);
    window.removeEventListener('resize', place);
    window.removeEventListener('scroll', place, true);
    if (hadFocus) button.focus();
    options.onClose?.();
  };
  const outside = (event: MouseEvent): void => {
    const target = event.target as Node;
    if (!box?.contains(target) && !button.contains(target)) close();
  };
  const place = (): void => {
    if (!box) return;
    const anchor = button.getBoundingClientRect();
    const below = window.innerHeight - anchor.bottom - 12;
    const above = anchor.top - 12;
    const height = box.scrollHeight;
    const upwards = height > below && above > below;
    box.style.maxHeight = `${Math.max(120, upwards ? above : below)}px`;
    const left = options.alignRight ? anchor.right - box.offsetWidth : anchor.left;
    box.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - box.offsetWidth - 8))}px`;
    box.style.top = upwards ? `${Math.max(8, anchor.top - 4 - Math.min(height, above))}px` : `${anchor.bottom + 4}px`;
  };
  const open = (): void => {
    openPopover?.();
    box = element('div', { class: `popover ${options.class ?? ''}`, id, role: options.role ?? 'dialog', 'aria-label': options.label, tabindex: -1 });
    replaceChildren(box, build(close));
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        close();
        button.focus();
      } else if (event.key === 'Tab' && options.role === 'menu') close();
    });
    document.body.appendChild(box);
    openPopover = close;
    button.setAttribute('aria-expanded', 'true');
    button.setAttribute('aria-controls', id);
    place();
    document.addEventListener('mousedown', outside, true);
    window.addEventListener('resize', place);
    window.addEventListener('scroll', place, true);
    const first = box.querySelector<HTMLElement>(options.focusFirst ?? 'input, button:not([disabled]), a[href], [tabindex="0"]');
    (first ?? box).focus({ preventScroll: true });
  };
  button.addEventListener('click', (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (box) close();
    else open();
  });
  button.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' && !box) {
      event.preventDefault();
      open();
    }
  });
  return { close, isOpen: () => box !== undefined };
}

export function attachMenu(button: HTMLElement, label: string, items: () => MenuItem[], alignRight = false): Popover {
  return attachPopover(
    button,
    (close) => {
      const rows = items().map((item) => menuRow(item, close));
      const list = element('div', { class: 'menu', onkeydown: (event: KeyboardEvent) => moveFocus(event, rows) }, rows);
      return list;
    },
    { role: 'menu', label, class: 'menu-box', focusFirst: '[role^=menuitem]', alignRight },
  );
}

function menuRow(item: MenuItem, close: () => void): HTMLElement {
  const content: Child[] = [
    element('span', { class: 'menu-icon' }, item.checked ? icon('check') : item.icon ? icon(item.icon) : null),
    element('span', { class: 'menu-label' }, item.label, item.disabledReason ? element('small', {}, item.disabledReason) : null),
    item.keys ? element('kbd', {}, item.keys) : null,
  ];
  const role = item.checked === undefined ? 'menuitem' : 'menuitemradio';
  if (item.href && !item.disabledReason) {
    return element(
      'a',
      { class: 'menu-row', role, href: item.href, target: item.newTab ? '_blank' : undefined, rel: item.newTab ? 'noopener' : undefined, tabindex: -1, onclick: close },
      content,
    );
  }
  const choose = (): void => {
    if (item.disabledReason) return;
    close();
    item.run?.();
  };
  return element(
    'button',
    {
      type: 'button',
      class: 'menu-row',
      role,
      tabindex: -1,
      'aria-disabled': item.disabledReason ? 'true' : undefined,
      'aria-checked': item.checked === undefined ? undefined : String(item.checked),
      onclick: choose,
    },
    content,
  );
}

function moveFocus(event: KeyboardEvent, rows: HTMLElement[]): void {
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? rows.length - 1 : at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  rows[(to + rows.length) % rows.length]?.focus();
}
