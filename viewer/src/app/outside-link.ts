// A link to another program of the stack, in a tab of its own.
import { element } from '../dom';
import { icon } from './icons';

/** Nothing where its address is not set. */
export function outsideLink(label: string, href: string | null | undefined): HTMLElement | null {
  return href ? element('a', { class: 'outside-link', href, target: '_blank', rel: 'noopener' }, label, icon('external')) : null;
}
