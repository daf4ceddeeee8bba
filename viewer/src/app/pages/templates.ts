// Annotations of a rule before it fires: their templates (`{{ $labels.job }}`) have no values yet.
import { element, type Child } from '../../dom';
import { cutAtQuery } from '../links';

const template = /\{\{-?\s*(.*?)\s*-?\}\}/gs;

/** Pieces of a text, and between them the names of what is filled in: `job`, `value`, or `…` for anything longer. */
export function templateParts(text: string): ({ text: string } | { name: string; source: string })[] {
  const parts: ({ text: string } | { name: string; source: string })[] = [];
  let at = 0;
  for (const match of text.matchAll(template)) {
    if (match.index > at) parts.push({ text: text.slice(at, match.index) });
    parts.push({ name: nameOf(match[1] ?? ''), source: match[0] });
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

function nameOf(expression: string): string {
  const label = /\$labels\.(\w+)|index\s+\$labels\s+"([^"]+)"/.exec(expression);
  if (label) return label[1] ?? label[2] ?? '…';
  return /\$value\b/.test(expression) ? 'value' : '…';
}

/** With a dimmed `‹job›` for each template. */
export function templateText(text: string): Child[] {
  return templateParts(text).map((part) =>
    'text' in part ? part.text : element('span', { class: 'template', title: `${part.source} is filled in when the alert fires` }, `‹${part.name}›`));
}

/** An address without the parameters that are still templates; undefined where more of it is. */
export function filledAddress(text: string): string | undefined {
  const [path, query] = cutAtQuery(text);
  if (path.includes('{{')) return undefined;
  const filled = query.split('&').filter((parameter) => parameter !== '' && !parameter.includes('{{'));
  return filled.length > 0 ? `${path}?${filled.join('&')}` : path;
}
