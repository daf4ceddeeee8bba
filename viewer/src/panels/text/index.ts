// Text: Markdown, HTML or code. HTML is sanitised; variables are filled in first.
import type { PanelInput, PanelKind, PanelView } from '../contract';
import { element } from '../../dom';
import { emptyDrawn, panelRoot, setDrawn } from '../shared/drawn';
import { unsupportedOptions } from '../shared/unsupported';
import { withTokens } from './values';

interface TextOptions {
  mode?: 'markdown' | 'html' | 'code';
  content?: string;
  code?: { language?: string; showLineNumbers?: boolean; showMiniMap?: boolean };
}

export const text: PanelKind = {
  create,
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      { mode: ['markdown', 'html', 'code'], content: true, 'code.language': ['plaintext'], 'code.showLineNumbers': true, 'code.showMiniMap': [false] },
      {},
    ),
  needsData: false,
};

function create(): PanelView {
  const root = panelRoot('text');
  let version = 0;
  return {
    element: root,
    update(input) {
      version++;
      void draw(root, input, version, () => version);
    },
    destroy() {
      version++;
      root.replaceChildren();
    },
  };
}

async function draw(root: HTMLElement, input: PanelInput, version: number, newest: () => number): Promise<void> {
  const options = input.panel.options as TextOptions;
  setDrawn(root, emptyDrawn('text'));
  if (options.mode === 'code') {
    root.replaceChildren(codeBlock(input.replaceVariables(options.content ?? '', undefined, 'raw'), options));
    return;
  }
  const { renderHtml, renderMarkdown } = await import('./render');
  if (version !== newest()) {
    return;
  }
  const text = withTokens(options.content ?? '', (variable) => input.replaceVariables(variable, undefined, listValues));
  const body = element('div', { class: 'panel-text-body' });
  body.append(options.mode === 'html' ? renderHtml(text) : renderMarkdown(text));
  body.addEventListener('click', (event) => {
    const anchor = (event.target as Element).closest('a');
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (anchor?.href && isPlain && !anchor.target && anchor.origin === location.origin && !anchor.getAttribute('href')!.startsWith('#')) {
      event.preventDefault();
      input.actions.navigate(anchor.getAttribute('href')!, false);
    }
  });
  root.replaceChildren(body);
}

function listValues(value: string | string[]): string {
  return Array.isArray(value) ? value.join(', ') : value;
}

function codeBlock(source: string, options: TextOptions): HTMLElement {
  const block = element('pre', { class: 'panel-code', tabindex: 0 });
  if (!options.code?.showLineNumbers) {
    block.append(element('code', {}, source));
    return block;
  }
  for (const line of source.split('\n')) {
    block.append(element('code', { class: 'panel-code-line' }, `${line}\n`));
  }
  return block;
}
