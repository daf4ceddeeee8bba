// What is wrong as a whole, and what to do: no server, no Prometheus, no logs, metrics switched off.
import type { SourceName, ViewerInfo } from './api';
import { element } from '../dom';
import { icon } from './icons';
import { remember, remembered } from './storage';

export type ProblemKey = SourceName | 'viewer' | 'metrics';

export interface Banners {
  element: HTMLElement;
  showInfo(info: ViewerInfo): void;
  showUnreachable(): void;
  /** Tells of a source that did not answer or does again; `code` is the proxy's, `detail` its sentence. */
  sourceAway(source: SourceName, code: string, detail: string): void;
  sourceAnswered(source: SourceName): void;
  /** The sources that this page has panels of and that are not set up: said as long as the page is open. */
  setMissing(sources: SourceName[]): void;
  /** Brings a banner into view, also one that was dismissed. */
  reveal(key: ProblemKey): void;
}

interface Banner {
  severity: 'error' | 'warning' | 'info';
  title: string;
  text: string;
}

export const sourceNames: Record<SourceName, string> = { prometheus: 'Prometheus', loki: 'Loki', alertmanager: 'Alertmanager' };

export function createBanners(): Banners {
  const place = element('div', { class: 'banners', role: 'region', 'aria-label': 'Problems' });
  const current = new Map<ProblemKey, Banner>();
  const shown = new Map<ProblemKey, HTMLElement>();
  // What is left out on purpose need not be said at every visit.
  const dismissed = new Set<ProblemKey>(remembered('without-loki', false) ? ['loki'] : []);
  let missing: SourceName[] = [];
  let info: ViewerInfo | undefined;

  const show = (key: ProblemKey, banner: Banner): void => {
    current.set(key, banner);
    if (dismissed.has(key)) return;
    const view = element(
      'div',
      { class: `banner banner-${banner.severity}`, role: banner.severity === 'error' ? 'alert' : 'status', tabindex: -1 },
      icon(banner.severity === 'info' ? 'info' : 'alert'),
      element('div', {}, element('strong', {}, banner.title), ' ', banner.text),
      element('button', { type: 'button', class: 'icon-button', 'aria-label': 'Dismiss', onclick: () => dismiss(key) }, icon('close')),
    );
    if (shown.get(key)?.textContent === view.textContent) return;
    take(key);
    shown.set(key, view);
    place.append(view);
  };
  const take = (key: ProblemKey): void => {
    shown.get(key)?.remove();
    shown.delete(key);
  };
  const dismiss = (key: ProblemKey): void => {
    dismissed.add(key);
    if (key === 'loki' && current.get(key)?.severity === 'info') remember('without-loki', true);
    take(key);
  };
  const end = (key: ProblemKey): void => {
    current.delete(key);
    take(key);
  };
  const showUnconfigured = (source: SourceName): void => {
    const whole = source === 'prometheus';
    show(source, {
      severity: whole ? 'error' : 'info',
      title: whole ? 'No Prometheus is configured, so the dashboards have no data.' : `${sourceNames[source]} is not configured, so the panels that read it stay empty.`,
      text: hintOf(source),
    });
  };
  const hintOf = (source: SourceName): string => asSentence(info?.sources[source].hint ?? '');

  return {
    element: place,
    showInfo: (answer) => {
      info = answer;
      if (!answer.sources.prometheus.configured) showUnconfigured('prometheus');
      if (!answer.metrics_enabled) {
        show('metrics', {
          severity: 'warning',
          title: `The metrics of ${answer.service} are switched off.`,
          text: 'Panels that read them stay empty. Set PROMETHEUS__ENABLED=true and start the service again.',
        });
      }
      missing.forEach(showUnconfigured);
    },
    showUnreachable: () =>
      show('viewer', {
        severity: 'error',
        title: 'The server that serves this page does not answer.',
        text: 'Check that it runs, then load the page again.',
      }),
    sourceAway: (source, code, detail) => {
      if (code === 'query_source_unconfigured') return showUnconfigured(source);
      // News, whatever was dismissed before it.
      if (current.get(source)?.severity !== 'error') dismissed.delete(source);
      const hint = info?.sources[source].hint ?? '';
      show(source, { severity: 'error', title: `${sourceNames[source]} does not answer.`, text: [detail, detail.includes(hint) ? '' : asSentence(hint)].filter(Boolean).join(' ') });
    },
    sourceAnswered: (source) => {
      // What comes back and goes again is news again.
      if (current.get(source)?.severity === 'error') dismissed.delete(source);
      end(source);
      end('viewer');
    },
    setMissing: (sources) => {
      for (const source of missing) if (!sources.includes(source) && source !== 'prometheus') end(source);
      missing = sources;
      if (info) missing.forEach(showUnconfigured);
    },
    reveal: (key) => {
      const banner = current.get(key);
      dismissed.delete(key);
      if (key === 'loki') remember('without-loki', false);
      if (banner) show(key, banner);
      const view = shown.get(key);
      view?.scrollIntoView({ block: 'center' });
      view?.focus({ preventScroll: true });
    },
  };
}

function asSentence(text: string): string {
  if (text === '') return '';
  return `${text[0]?.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
