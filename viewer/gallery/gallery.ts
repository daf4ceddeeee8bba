// Draws every panel of the gallery into one page. For development: `node gallery/gallery.mjs`.
import { createTheme, type InterpolateFunction } from '@grafana/data';
import { setUpGrafanaData } from '../src/data';
import { applyFieldOptions } from '../src/data/field-options';
import { panelKind } from '../src/panels';
import type { PanelInput } from '../src/panels/contract';
import '../src/app/theme.css';
import '../src/panels/styles.css';
import './gallery.css';
import { END, START, STEP } from './frames';
import { galleryPanels, type Shown } from './panels';

declare global {
  interface Window {
    gallery: { redraw(): void; violations: string[]; zooms: unknown[]; links: string[]; done: boolean };
  }
}

const redraws: (() => void)[] = [];
window.gallery = { redraw: () => redraws.forEach((redraw) => redraw()), violations: [], zooms: [], links: [], done: false };
document.addEventListener('securitypolicyviolation', (event) => window.gallery.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));

const mode = new URLSearchParams(location.search).get('theme') === 'light' ? 'light' : 'dark';
document.documentElement.dataset.theme = mode;
setUpGrafanaData();
const theme = createTheme({ colors: { mode } });
const interpolate: InterpolateFunction = (text) => text ?? '';
const listeners = new Map<object, (time: number | undefined) => void>();
const memory = new Map<string, unknown>();

function input({ panel, frames, width, height }: Shown): PanelInput {
  return {
    panel,
    frames: applyFieldOptions(panel, frames, theme, 'utc', interpolate),
    annotations:
      panel.type === 'timeseries'
        ? [
            { time: START + 40 * STEP, title: 'belfry started', text: '127.0.0.1:8000', tags: ['start'], color: '#5794F2' },
            { time: START + 100 * STEP, timeEnd: START + 115 * STEP, title: 'HighErrorRate', text: 'critical', tags: ['job=belfry'], color: '#F2495C' },
          ]
        : [],
    span: { from: START, to: END },
    intervalMs: STEP,
    timeZone: 'utc',
    theme,
    width,
    height,
    replaceVariables: interpolate,
    actions: {
      zoom: (span) => window.gallery.zooms.push(span),
      navigate: (url) => window.gallery.links.push(url),
      cursor: {
        publish: (source, time) => listeners.forEach((listener, key) => key !== source && listener(time)),
        subscribe: (source, listener) => {
          listeners.set(source, listener);
          return () => listeners.delete(source);
        },
      },
      memory,
    },
  };
}

for (const shown of galleryPanels()) {
  const card = document.createElement('section');
  card.className = 'card';
  const title = document.createElement('h2');
  title.textContent = shown.panel.title ?? '';
  const content = document.createElement('div');
  content.style.width = `${shown.width}px`;
  content.style.height = `${shown.height}px`;
  card.append(title, content);
  document.body.append(card);
  const kind = panelKind(shown.panel.type);
  const unsupported = kind.unsupported(shown.panel);
  if (unsupported.length > 0) {
    title.title = unsupported.join(', ');
    title.textContent += ` (${unsupported.join(', ')})`;
  }
  const view = kind.create();
  content.append(view.element);
  view.update(input(shown));
  redraws.push(() => view.update(input(shown)));
}
window.gallery.done = true;
