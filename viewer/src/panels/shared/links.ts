// Data links: real anchors, so that the address can be seen, copied and opened in a new tab.
import type { LinkModel } from '@grafana/data';
import type { PanelActions } from '../contract';
import { element } from '../../dom';

const ALLOWED_PROTOCOLS = new Set(['http:', 'https:']);

/** `undefined` for an address that a browser would run instead of opening. */
export function safeHref(href: string): string | undefined {
  try {
    return ALLOWED_PROTOCOLS.has(new URL(href, document.baseURI).protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Where the `runbook_url` of a rule leads: the server has the project's own runbook as a page. Undefined for any other file, which it has not. */
export function runbookHref(address: string): string | undefined {
  const own = /^(?:\.\/)?docs\/runbook\.md(#.*)?$/.exec(address);
  if (own) return `/runbook${own[1] ?? ''}`;
  return /^(https?:\/\/|\/(?!\/))/i.test(address) ? safeHref(address) : undefined;
}

/** The server leads from Grafana's address of a dashboard to its own; an anchor names that at once. */
function ownAddress(href: string): string {
  return href.replace(/^\/d\/([\w-]+)(?:\/[^/?#]*)?(?=[?#]|$)/, '/dashboards/$1');
}

/** An anchor that the shell follows; `content` replaces the link's title. */
export function linkAnchor(link: LinkModel, actions: PanelActions, content?: Node | string): HTMLElement {
  const href = safeHref(link.href);
  if (href === undefined) {
    return element('span', { title: 'This link has an address that is not allowed' }, content ?? link.title);
  }
  const newTab = link.target === '_blank';
  const anchor = element(
    'a',
    { class: 'panel-link', href: ownAddress(href), title: link.title, target: newTab ? '_blank' : undefined, rel: newTab ? 'noopener noreferrer' : undefined },
    content ?? (link.title || href),
  );
  anchor.addEventListener('click', (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
      return;
    }
    event.preventDefault();
    actions.navigate(href, newTab);
  });
  return anchor;
}

/** The content itself without links, an anchor with one, the content and a list with several. */
export function withLinks(content: Node, links: LinkModel[], actions: PanelActions): Node {
  if (links.length === 0) {
    return content;
  }
  if (links.length === 1) {
    return linkAnchor(links[0]!, actions, content);
  }
  const menu = element('span', { class: 'panel-links' }, content);
  for (const link of links) {
    menu.append(linkAnchor(link, actions));
  }
  return menu;
}
