// What the backend says of itself decides how its queries are made: their steps, and how long an answer is waited for.
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { createDataLayer } from '../../src/data';
import type { ServerFacts } from '../../src/data/contract';
import { answering, context, lastMinutes, matrix, panel } from './support/fixtures';

const facts: ServerFacts = { scrape_interval_seconds: 60, query_deadline_seconds: 2, max_query_points: 100 };
const month = context({ range: lastMinutes(60 * 24 * 30), width: 5000 });
const graph = panel({ targets: [{ refId: 'A', expr: 'rate(a[$__rate_interval])' }] });

/** A backend that says these facts, in turn. */
function backend(told: (object | undefined)[]): { fetch: typeof fetch; asked: ReturnType<typeof answering>['asked']; times: () => number } {
  const { fetch: answer, asked } = answering({ query_range: matrix() });
  let times = 0;
  const fetch = (async (url: string, init?: RequestInit) => {
    if (url !== '/api/v1/viewer') return answer(url, init);
    const one = told[Math.min(times, told.length - 1)];
    times += 1;
    return one ? new Response(JSON.stringify(one)) : new Response('away', { status: 502 });
  }) as typeof globalThis.fetch;
  return { fetch, asked, times: () => times };
}

/** The delays of all timers that a question sets. */
async function delays(ask: () => Promise<unknown>): Promise<unknown[]> {
  const timers = mock.method(globalThis, 'setTimeout');
  try {
    await ask();
    return timers.mock.calls.map((call) => call.arguments[1]);
  } finally {
    timers.mock.restore();
  }
}

describe('what the backend says of itself', () => {
  test('bounds the points and sets the scrape interval', async () => {
    const { fetch, asked, times } = backend([undefined]);
    await createDataLayer(fetch, facts).queryPanel(graph, month);
    const { parameters } = asked[0]!;
    const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(parameters.get(name)));
    assert.ok((end! - start!) / step! <= 100, `${(end! - start!) / step!} steps`);
    await createDataLayer(fetch, facts).queryPanel(graph, context());
    assert.equal(asked[1]!.parameters.get('query'), 'rate(a[4m])');
    assert.equal(times(), 0, 'it is not asked again');
  });

  test('is how long an answer is waited for', async () => {
    const { fetch } = backend([undefined]);
    const data = createDataLayer(fetch, facts);
    // And five seconds for the way.
    assert.deepEqual(await delays(() => data.queryPanel(graph, month)), [7000]);
  });

  test('is asked for where it is not known yet, and again after a failure', async () => {
    const { fetch, asked, times } = backend([undefined, facts]);
    const data = createDataLayer(fetch);
    assert.deepEqual(await delays(() => data.queryPanel(graph, context())), [38_000]);
    assert.equal(asked[0]!.parameters.get('query'), 'rate(a[1m])');
    await data.queryPanel(graph, context());
    await data.queryPanel(graph, context());
    assert.deepEqual([asked[1]!.parameters.get('query'), asked[2]!.parameters.get('query')], ['rate(a[4m])', 'rate(a[4m])']);
    assert.equal(times(), 2);
  });
});
