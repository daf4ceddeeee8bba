// Modal dialogs on the browser's own `<dialog>`: focus stays inside, Escape closes, focus returns.
import { freshId } from './accessibility';
import { element, type Child } from '../dom';
import { icon } from './icons';

export interface OpenDialog {
  dialog: HTMLDialogElement;
  body: HTMLElement;
  close(): void;
}

export function openDialog(title: string, options: { class?: string; onClose?: () => void } = {}, ...content: Child[]): OpenDialog {
  const titleId = freshId('dialog-title');
  const body = element('div', { class: 'dialog-body' }, ...content);
  const close = (): void => dialog.close();
  const dialog = element(
    'dialog',
    { class: `dialog ${options.class ?? ''}`, 'aria-labelledby': titleId },
    element(
      'header',
      { class: 'dialog-header' },
      element('h2', { id: titleId }, title),
      element('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: close }, icon('close')),
    ),
    body,
  );
  const before = document.activeElement;
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
    options.onClose?.();
  });
  // A click on the backdrop has the dialog itself as its target.
  dialog.addEventListener('mousedown', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.appendChild(dialog);
  dialog.showModal();
  return { dialog, body, close };
}
