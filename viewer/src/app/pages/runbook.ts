// The runbook: what to do about each alert. The server has the project's own, as it was when the server was built.
import { getText, messageFrom } from '../api';
import { element, replaceChildren } from '../../dom';
import type { PageView } from '../router';
import { headingIds } from './heading-ids';

export function runbookPage(): PageView {
  const controller = new AbortController();
  const article = element('article', { class: 'panel-text-body runbook', 'aria-busy': 'true' }, Array.from({ length: 4 }, () => element('div', { class: 'sketch-row' })));

  const load = async (): Promise<void> => {
    try {
      const [text, { renderMarkdown }] = await Promise.all([getText('/viewer/runbook.md', controller.signal), import('../../panels/text/render')]);
      if (controller.signal.aborted) return;
      // No variable has a value here.
      replaceChildren(article, renderMarkdown({ content: text, fill: () => undefined }));
      addAnchors(article);
      leaveOutFiles(article);
      // What scrolls sideways must be reached by the keyboard.
      for (const block of article.querySelectorAll('pre')) block.tabIndex = 0;
      showAnchor(article);
    } catch (error) {
      if (!controller.signal.aborted) replaceChildren(article, element('p', { class: 'empty', role: 'alert' }, messageFrom(error)));
    } finally {
      article.removeAttribute('aria-busy');
    }
  };
  void load();

  return {
    element: element('div', { class: 'page' }, article),
    title: 'Runbook',
    destroy: () => controller.abort(),
    // The same page, at another heading.
    queryChanged: () => {
      showAnchor(article);
      return true;
    },
  };
}

/** Each heading under the id that links to the file's headings name, and with a link to itself. */
function addAnchors(article: HTMLElement): void {
  const headings = [...article.querySelectorAll<HTMLElement>('h1, h2, h3, h4, h5, h6')];
  const ids = headingIds(headings.map((heading) => heading.textContent ?? ''));
  headings.forEach((heading, index) => {
    const id = ids[index];
    if (!id) return;
    heading.id = id;
    heading.tabIndex = -1;
    heading.append(' ', element('a', { class: 'heading-link', href: `#${id}`, 'aria-label': `Link to ${heading.textContent ?? ''}` }, '#'));
  });
}

/** Other files of the project are not served: what would link to one is left as a text. */
function leaveOutFiles(article: HTMLElement): void {
  for (const anchor of article.querySelectorAll('a[href]')) {
    const href = anchor.getAttribute('href') ?? '';
    if (/^(#|\/|[a-z][a-z0-9+.-]*:)/i.test(href)) continue;
    anchor.replaceWith(element('span', { title: `${href} in the folder docs of the project` }, anchor.textContent));
  }
}

/** The heading of the address, in view and with the focus, so that a keyboard goes on from there. */
function showAnchor(article: HTMLElement): void {
  const id = decoded(location.hash.slice(1));
  const heading = id && article.querySelector<HTMLElement>(`[id="${CSS.escape(id)}"]`);
  if (!heading) return;
  heading.scrollIntoView();
  heading.focus({ preventScroll: true });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
