// What keyboards and screen readers need of a page.

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

let identifiers = 0;

/** An id that is free in this page, for `aria-controls` and the like. */
export function freshId(prefix: string): string {
  identifiers += 1;
  return `${prefix}-${identifiers}`;
}

/** Says something to screen readers without moving the focus. */
export function announce(message: string): void {
  const region = document.getElementById('announcements');
  if (region) region.textContent = message;
}
