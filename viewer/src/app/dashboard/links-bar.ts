// The links of a dashboard, with the time and the variables that they carry along.
import { element, replaceChildren } from '../../dom';
import { icon, type IconName } from '../icons';
import { resolveLink, type LinkState, type ResolvedLink } from '../links';
import { attachMenu } from '../menu';
import { dashboardListNow } from './known-dashboards';
import type { Session } from './session';
import { chosenForUrl, variablePrefix } from './url-state';

export function linkState(session: Session): LinkState {
  const chosen = chosenForUrl(session.variables);
  return {
    time: [['from', session.raw.from], ['to', session.raw.to]],
    variables: Object.entries(chosen).flatMap(([name, values]) => values.map((value): [string, string] => [variablePrefix + name, value])),
  };
}

export function createLinksBar(session: Session, place: HTMLElement): () => void {
  let shown = '';
  return () => {
    const targets = { grafanaUrl: session.info?.grafana_url ?? null, dashboards: dashboardListNow() };
    const links = (session.dashboard.links ?? []).map((link) =>
      resolveLink(link, linkState(session), targets, (text) => session.interpolate(text), session.dashboard.uid));
    const now = JSON.stringify(links);
    if (now === shown) return;
    shown = now;
    replaceChildren(place, links.flatMap(linkView));
  };
}

const icons: Record<string, IconName> = { 'external link': 'link', dashboard: 'link', question: 'help', info: 'info', bolt: 'bell', doc: 'info', cloud: 'link' };

function linkView(link: ResolvedLink): HTMLElement[] {
  const picture = icon(icons[link.icon ?? ''] ?? 'link');
  if (link.entries && link.asDropdown) {
    const button = element('button', { type: 'button', class: 'button', title: link.tooltip }, icon('link'), link.title, icon('chevronDown'));
    const entries = link.entries;
    attachMenu(button, link.title, () =>
      entries.length > 0
        ? entries.map((entry) => ({ label: entry.title, href: entry.href, newTab: link.newTab }))
        : [{ label: 'No other dashboard has these tags', disabledReason: ' ' }]);
    return [button];
  }
  const target = { target: link.newTab || link.external ? '_blank' : undefined, rel: link.newTab || link.external ? 'noopener' : undefined };
  if (link.entries) return link.entries.map((entry) => element('a', { class: 'button', href: entry.href, ...target }, icon('link'), entry.title));
  if (link.href) return [element('a', { class: 'button', href: link.href, title: link.tooltip, ...target }, picture, link.title, link.external ? icon('external') : null)];
  return [element('span', { class: 'button button-off', title: link.reason, role: 'link', 'aria-disabled': 'true', tabindex: 0, 'aria-label': `${link.title}: ${link.reason ?? ''}` }, picture, link.title)];
}
