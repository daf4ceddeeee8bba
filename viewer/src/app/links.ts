// Links of dashboards and panels: Grafana's paths become this viewer's pages, or Grafana's own, or are left out with a reason.
import type { DashboardLink } from '../dashboard';
import type { DashboardSummary } from './api';

export interface LinkTargets {
  grafanaUrl: string | null;
  /** Undefined until the list is known: then every dashboard is taken to be there. */
  dashboards?: DashboardSummary[] | undefined;
}

/** `reason` says why there is no `href`. */
export type TranslatedUrl = { href: string; external: boolean; reason?: undefined } | { href?: undefined; reason: string };

const ownPages = /^\/(dashboards(\/[^/]+)?|targets|rules|alerts|runbook)?$/;

export function translateUrl(url: string, targets: LinkTargets): TranslatedUrl {
  const text = url.trim();
  if (text === '') return { reason: 'The link has no address.' };
  if (/^https?:\/\//i.test(text)) return { href: text, external: true };
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) || text.startsWith('//')) {
    return { reason: `The viewer follows http and https only, not “${text.slice(0, 40)}”.` };
  }
  if (text.startsWith('?') || text.startsWith('#')) return { href: text, external: false };
  const { path, rest } = splitPath(text.startsWith('/') ? text : `/${text}`);
  const dashboard = /^\/d\/([^/]+)(\/[^/]*)?$/.exec(path) ?? /^\/dashboards\/([^/]+)$/.exec(path);
  if (dashboard?.[1]) return dashboardUrl(dashboard[1], path, rest, targets);
  if (path === '/alerting' || path.startsWith('/alerting/')) return { href: '/alerts', external: false };
  if (ownPages.test(path)) return { href: path + rest, external: false };
  if (targets.grafanaUrl) return { href: joinUrl(targets.grafanaUrl, path + rest), external: true };
  const what = path.startsWith('/explore') ? 'Explore' : `The page ${path}`;
  return { reason: `${what} is part of Grafana, whose address is not set.` };
}

function dashboardUrl(uid: string, path: string, rest: string, targets: LinkTargets): TranslatedUrl {
  const known = targets.dashboards?.some((dashboard) => dashboard.uid === decoded(uid)) ?? true;
  if (known) return { href: `/dashboards/${uid}${rest}`, external: false };
  if (targets.grafanaUrl) return { href: joinUrl(targets.grafanaUrl, path.replace(/^\/dashboards\//, '/d/') + rest), external: true };
  return { reason: `No provisioned dashboard has the uid “${decoded(uid)}”.` };
}

/** As it is where it is not encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function splitPath(url: string): { path: string; rest: string } {
  const at = url.search(/[?#]/);
  return at < 0 ? { path: url.replace(/(.)\/$/, '$1'), rest: '' } : { path: url.slice(0, at).replace(/(.)\/$/, '$1'), rest: url.slice(at) };
}

function joinUrl(base: string, path: string): string {
  return base.replace(/\/+$/, '') + path;
}

/** What stands before the first `?` and after it: a query may have more of them. */
export function cutAtQuery(url: string): [path: string, query: string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

/** Adds query parameters before a fragment; those that the URL already has stay. */
export function addParameters(url: string, parameters: [string, string][]): string {
  const hash = url.indexOf('#');
  const fragment = hash < 0 ? '' : url.slice(hash);
  const address = hash < 0 ? url : url.slice(0, hash);
  const [path, query] = cutAtQuery(address);
  const all = new URLSearchParams(query);
  const before = new Set(all.keys());
  for (const [name, value] of parameters) {
    if (!before.has(name)) all.append(name, value);
  }
  const text = all.toString();
  return path + (text && `?${text}`) + fragment;
}

export interface LinkState {
  time: [string, string][];
  variables: [string, string][];
}

export interface ResolvedLink {
  title: string;
  tooltip?: string | undefined;
  icon?: string | undefined;
  newTab: boolean;
  href?: string;
  external?: boolean;
  /** Why the link leads nowhere. */
  reason?: string;
  /** Of a link to dashboards by tag: one entry a dashboard. */
  entries?: { title: string; href: string }[];
  asDropdown?: boolean;
}

/** `interpolate` fills in variables; `currentUid` is left out of lists of dashboards, as in Grafana. */
export function resolveLink(
  link: DashboardLink,
  state: LinkState,
  targets: LinkTargets,
  interpolate: (text: string) => string,
  currentUid: string,
): ResolvedLink {
  const parameters = [...(link.keepTime ? state.time : []), ...(link.includeVars ? state.variables : [])];
  const shared = { tooltip: link.tooltip ? interpolate(link.tooltip) : undefined, icon: link.icon, newTab: link.targetBlank === true };
  if (link.type === 'dashboards') {
    const tags = link.tags ?? [];
    const entries = (targets.dashboards ?? [])
      .filter((dashboard) => dashboard.uid !== currentUid && tags.every((tag) => dashboard.tags.includes(tag)))
      .map(({ title, uid }) => ({ title, href: addParameters(`/dashboards/${encodeURIComponent(uid)}`, parameters) }));
    return { ...shared, title: interpolate(link.title || 'Dashboards'), entries, asDropdown: link.asDropdown === true };
  }
  const title = interpolate(link.title || link.url || 'Link');
  const target = translateUrl(interpolate(link.url ?? ''), targets);
  if (target.href === undefined) return { ...shared, title, reason: target.reason };
  return { ...shared, title, href: addParameters(target.href, parameters), external: target.external };
}
