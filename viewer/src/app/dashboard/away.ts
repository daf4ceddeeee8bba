// Sources that are not set up or not running: a banner says so once, and the panels that ask them only point at it.
import type { Panel } from '../../dashboard';
import type { Away, QueryTrace } from '../../data/contract';
import type { SourceName, ViewerInfo } from '../api';
import { sourceNames, type Banners, type ProblemKey } from '../banners';
import { element } from '../../dom';

/** The source of a panel that is not set up here, so that it need not be asked. */
export function missingSource(panel: Panel, info: ViewerInfo | undefined): SourceName | undefined {
  const type = panel.targets?.find((target) => target.datasource?.type)?.datasource?.type ?? panel.datasource?.type;
  if (!info || !type || !Object.hasOwn(sourceNames, type)) return undefined;
  return info.sources[type as SourceName].configured ? undefined : (type as SourceName);
}

/** All of them in a dashboard, whether their rows are open or not. */
export function missingSources(panels: Panel[], info: ViewerInfo | undefined): SourceName[] {
  const found = panels.flatMap((panel) => [missingSource(panel, info) ?? [], missingSources(panel.panels ?? [], info)].flat());
  return [...new Set(found)];
}

/** Why nothing was answered, if that is because a source is away; undefined where the panel itself has something to say. */
export function awayOf(traces: QueryTrace[]): Away | undefined {
  return traces.length > 0 && traces.every((trace) => trace.away) ? traces[0]?.away : undefined;
}

export function reportAway(banners: Banners, away: Away, detail: string): void {
  if (away.source === 'viewer') banners.showUnreachable();
  else banners.sourceAway(away.source, away.code, detail);
}

/** One short line with the way to the banner. */
export function awayLine(banners: Banners, { source, code }: Away | { source: SourceName; code: 'query_source_unconfigured' }): HTMLElement {
  const key: ProblemKey = source;
  const text = source === 'viewer' ? 'The server does not answer.' : `${sourceNames[source]} ${code === 'query_source_unconfigured' ? 'is not configured' : 'does not answer'}.`;
  return element('p', { class: 'quiet-line' }, text, ' ',
    element('button', { type: 'button', class: 'link-button', onclick: () => banners.reveal(key) }, 'What to do'));
}
