// The runbook and the dashboard that a rule names, for the rule or for one of its alerts.
import { element } from '../../dom';
import { icon } from '../icons';
import { translateUrl } from '../links';
import { runbookHref } from '../../panels/shared/links';
import type { PrometheusAlert, Rule } from './prometheus-rules';
import { filledAddress } from './templates';

/** Of the rule: what its alerts have in common, or what needs no alert. */
export function ruleLinks(rule: Rule, grafanaUrl: string | null): HTMLElement | null {
  const alerts = rule.alerts ?? [];
  const of = (name: string): string | undefined => (hasOwn(rule, name) ? undefined : (alerts[0] ?? rule).annotations?.[name]);
  return linkLine([runbookLink(of('runbook_url')), dashboardLink(of('dashboard_url'), grafanaUrl)]);
}

/** Of an alert: where those of a rule lead to different places. */
export function ownLinks(rule: Rule, grafanaUrl: string | null): (alert: PrometheusAlert) => HTMLElement | null {
  return ({ annotations }) =>
    linkLine([
      hasOwn(rule, 'runbook_url') ? runbookLink(annotations.runbook_url) : null,
      hasOwn(rule, 'dashboard_url') ? dashboardLink(annotations.dashboard_url, grafanaUrl) : null,
    ]);
}

function hasOwn(rule: Rule, name: string): boolean {
  return new Set((rule.alerts ?? []).map(({ annotations }) => annotations[name])).size > 1;
}

function linkLine(links: (HTMLElement | null)[]): HTMLElement | null {
  return links.some(Boolean) ? element('p', { class: 'alert-links' }, links) : null;
}

/** The project's own runbook is a page here. Another path is one in the folder of a project, which no server serves: it is said, not linked. */
function runbookLink(text: string | undefined): HTMLElement | null {
  const address = text && filledAddress(text);
  if (!address) return null;
  const href = runbookHref(address);
  if (href?.startsWith('/')) return element('a', { href }, 'Runbook');
  if (href) return element('a', { href, target: '_blank', rel: 'noopener noreferrer' }, 'Runbook', icon('external'));
  if (/^[a-z][a-z0-9+.-]*:/i.test(address)) return null;
  return element('span', { title: 'A file in the folder of the project' }, 'Runbook: ', element('code', {}, address));
}

/** Dashboards of Grafana that are provisioned are here too, whatever host the rule names. */
function dashboardLink(text: string | undefined, grafanaUrl: string | null): HTMLElement | null {
  const address = text && filledAddress(text);
  if (!address) return null;
  const path = /^https?:\/\/[^/]+(\/d\/.*)$/.exec(address)?.[1] ?? address;
  const { href } = translateUrl(path, { grafanaUrl });
  return href === undefined ? null : element('a', { href }, 'Dashboard');
}
