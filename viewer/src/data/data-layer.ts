// The data layer behind one set of requests: queries of panels, annotations and variables share limits and running requests.
import { ownPage } from '../own-page';
import type { DataLayer, ServerFacts } from './contract';
import { queryAnnotations } from './annotations';
import { createRequests, defaultRequestSettings, type RequestSettings } from './http/request';
import { createInterpolation } from './interpolation';
import { computeIntervals, type QueryPace } from './intervals';
import { queryPanel } from './panel-query';
import { resolveVariables } from './variables/resolve';

/** Where the backend does not say it: the defaults of its settings. */
const usualPace: QueryPace = { scrapeInterval: '15s', maxPoints: 11_000 };

/** For the way of an answer from the backend, beyond the time that the backend takes. */
const transferMs = 5000;

/** Pixels of a panel that nobody has measured, for `$__interval` in titles. */
const usualWidth = 1000;

/** `facts` are what the backend says of itself; where they are not known yet, it is asked before the first query. */
export function createDataLayer(fetch: typeof globalThis.fetch, facts?: ServerFacts, settings: RequestSettings = defaultRequestSettings): DataLayer {
  const current = { ...settings };
  const send = createRequests(fetch, current);
  let known = usualPace;
  let asked: Promise<void> | undefined;

  function take(told: Partial<ServerFacts>): void {
    const positive = (value: unknown): value is number => typeof value === 'number' && value > 0;
    const { scrape_interval_seconds: scrape, query_deadline_seconds: deadline, max_query_points: points } = told;
    known = { scrapeInterval: positive(scrape) ? `${scrape}s` : known.scrapeInterval, maxPoints: positive(points) ? points : known.maxPoints };
    if (positive(deadline)) current.deadlineMs = deadline * 1000 + transferMs;
  }
  /** Asked once; after a failure the next query asks again. */
  async function pace(): Promise<QueryPace> {
    asked ??= readFacts(fetch).then((told) => {
      if (told) take(told);
      else asked = undefined;
    });
    await asked;
    return known;
  }
  if (facts) {
    take(facts);
    asked = Promise.resolve();
  }

  return {
    queryPanel: async (panel, context) => queryPanel(send, await pace(), panel, context),
    queryAnnotations: async (context) => queryAnnotations(send, await pace(), context),
    resolveVariables: (...question) => resolveVariables(send, ...question),
    interpolation: ({ dashboard, variables, range, timeZone, scoped }) => {
      const span = { from: range.from.valueOf(), to: range.to.valueOf() };
      const intervals = computeIntervals({ span, maxDataPoints: usualWidth, ...known });
      return createInterpolation({ dashboard, variables, range, timeZone, scoped, intervals });
    },
  };
}

async function readFacts(fetch: typeof globalThis.fetch): Promise<Partial<ServerFacts> | undefined> {
  try {
    const response = await fetch('/api/v1/viewer', { headers: ownPage });
    return response.ok ? ((await response.json()) as Partial<ServerFacts>) : undefined;
  } catch {
    return undefined;
  }
}
