// Markdown and HTML to DOM nodes that can do no harm: DOMPurify with a short list of what is allowed. Loaded when a text panel is shown.
import DOMPurify from 'dompurify';
import { Marked } from 'marked';
import { safeHref } from '../shared/links';
import type { TokenText } from './values';

const ALLOWED_TAGS = [
  'a', 'abbr', 'b', 'blockquote', 'br', 'caption', 'code', 'dd', 'del', 'details', 'div', 'dl', 'dt', 'em', 'figcaption', 'figure',
  'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'img', 'ins', 'kbd', 'li', 'mark', 'ol', 'p', 'pre', 'q', 's', 'samp', 'section', 'small',
  'span', 'strong', 'sub', 'summary', 'sup', 'table', 'tbody', 'td', 'tfoot', 'th', 'thead', 'tr', 'u', 'ul', 'var',
];
/** No `style`, `class` or `id`: the first is forbidden by the Content-Security-Policy, the others could take the page's own. */
const ALLOWED_ATTRIBUTES = ['href', 'title', 'alt', 'src', 'colspan', 'rowspan', 'scope', 'align', 'start', 'open', 'width', 'height'];

const markdown = new Marked({ gfm: true, breaks: false, async: false });

export function renderMarkdown(text: TokenText): DocumentFragment {
  return renderHtml({ ...text, content: markdown.parse(text.content) as string });
}

export function renderHtml(text: TokenText): DocumentFragment {
  const fragment = DOMPurify.sanitize(withoutReported(text.content), {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ALLOWED_ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp|svg\+xml)[;,]|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
    RETURN_DOM_FRAGMENT: true,
  });
  // Before links and pictures are judged: their addresses may have values in them.
  text.fill(fragment);
  for (const anchor of fragment.querySelectorAll('a')) {
    const href = anchor.getAttribute('href');
    if (href === null || safeHref(href) === undefined) {
      anchor.removeAttribute('href');
    } else if (new URL(href, document.baseURI).origin !== location.origin) {
      anchor.target = '_blank';
      anchor.rel = 'noopener noreferrer';
    }
  }
  for (const image of fragment.querySelectorAll('img')) {
    image.alt = image.getAttribute('alt') ?? '';
    // The page fetches nothing from elsewhere, and asks its server nothing in a text's name; the name of the picture stays.
    const source = new URL(image.getAttribute('src') ?? '', document.baseURI);
    const isOwn = source.origin === location.origin && source.pathname.startsWith('/viewer/');
    if (source.protocol !== 'data:' && !isOwn) {
      image.replaceWith(image.alt || source.href);
    }
  }
  return fragment;
}

/**
 * Parsing a style attribute or an event handler is already reported as a violation of the Content-Security-Policy, before DOMPurify
 * drops it. This only avoids that report; what is safe is decided above.
 */
function withoutReported(source: string): string {
  const attribute = /(<[a-z][^>]*?)[\s/](?:style|on[a-z]+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)/gi;
  let text = source.replace(/<(style|script)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, '');
  for (let previous = ''; previous !== text; ) {
    previous = text;
    text = text.replace(attribute, '$1');
  }
  return text;
}
