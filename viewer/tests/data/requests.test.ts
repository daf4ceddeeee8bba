// Requests: errors in plain sentences, deadlines, aborts, joined requests, a bounded number at once, retries.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRequests, defaultRequestSettings, type RequestSettings } from '../../src/data/http/request';
import { answering, context, matrix, panel } from './support/fixtures';

const target = { refId: 'A', expr: 'up' };
const signal = (): AbortSignal => new AbortController().signal;

async function traceOf(answer: Parameters<typeof answering>[0][string], more = {}): Promise<{ error: string | undefined; status: number; raw: string; notices: string[] }> {
  const { data } = answering({ query_range: answer });
  const { traces } = await data.queryPanel(panel({ targets: [{ ...target, ...more }] }), context());
  const { error, status, raw, notices } = traces[0]!;
  return { error, status, raw, notices };
}

describe('errors', () => {
  const problem = (status: number, code: string, detail: string) => ({ status, body: { type: 'about:blank', title: code, status, code, detail } });
  const cases: [string, Parameters<typeof answering>[0][string], string][] = [
    ["the proxy's problem is its detail", problem(502, 'query_source_unreachable', 'Prometheus at 127.0.0.1:9090 does not answer; start it'), 'Prometheus at 127.0.0.1:9090 does not answer; start it.'],
    ['a parse error', { status: 400, body: { status: 'error', errorType: 'bad_data', error: '1:3: parse error: unexpected "{"' } }, 'Prometheus refuses the query: 1:3: parse error: unexpected "{".'],
    ['a timeout', { status: 503, body: { status: 'error', errorType: 'timeout', error: 'query timed out' } }, 'Prometheus took too long for the query: query timed out.'],
    ['an execution error', { status: 422, body: { status: 'error', errorType: 'execution', error: 'many-to-many matching not allowed' } }, 'Prometheus cannot run the query: many-to-many matching not allowed.'],
    ['an error with status 200', { status: 'error', errorType: 'internal', error: 'disk' }, 'Prometheus failed inside: disk.'],
    ['a page of HTML', { status: 500, body: '<html>oh' }, 'Prometheus answered with status 500.'],
    ['no JSON', 'up 1', 'Prometheus answered something that is not JSON.'],
  ];
  for (const [name, answer, expected] of cases) {
    test(name, async () => assert.equal((await traceOf(answer)).error, expected));
  }

  test('Loki answers its errors as plain text', async () => {
    const { data } = answering({ query_range: { status: 400, body: 'parse error at line 1, col 5: syntax error\nmore' } });
    const { traces } = await data.queryPanel(panel({ targets: [{ ...target, datasource: { type: 'loki', uid: 'Loki' } }] }), context());
    assert.equal(traces[0]!.error, 'Loki refuses the query: parse error at line 1, col 5: syntax error.');
  });

  test('one failing query leaves the others drawn', async () => {
    const { data } = answering({ query_range: ({ parameters }) => (parameters.get('query') === 'bad' ? { status: 400, body: 'no' } : matrix([{}, [[1, '1']]])) });
    const { frames, traces } = await data.queryPanel(panel({ targets: [target, { refId: 'B', expr: 'bad' }] }), context());
    assert.deepEqual([frames.length, traces.map(({ error }) => error !== undefined)], [1, [false, true]]);
  });

  test('a datasource that the viewer lacks is named and not asked', async () => {
    const { data, asked } = answering({});
    const { traces, unsupported } = await data.queryPanel(panel({ targets: [{ ...target, datasource: { type: 'tempo', uid: 'Traces' } }, { refId: 'B', expr: '$A', datasource: { uid: '__expr__' } }] }), context());
    assert.deepEqual(traces.map(({ error }) => error), [
      'This query asks for the datasource "Traces", which the viewer cannot query.',
      "This query asks for an expression of Grafana's server, which the viewer cannot query.",
    ]);
    assert.deepEqual([unsupported, asked], [['the datasource "Traces" in query A', "an expression of Grafana's server in query B"], []]);
  });

  test('warnings are passed on', async () => {
    const answer = { ...matrix(), warnings: ['partial'], infos: ['not a counter'] };
    assert.deepEqual((await traceOf(answer)).notices, ['partial', 'not a counter']);
  });

  test('the trace has what the inspector shows', async () => {
    const { data } = answering({ query_range: matrix() });
    const { traces } = await data.queryPanel(panel({ targets: [target] }), context());
    const { refId, expression, url, status, bytes, raw, durationMs } = traces[0]!;
    assert.deepEqual([refId, expression, status, bytes, raw], ['A', 'up', 200, raw.length, JSON.stringify(matrix())]);
    assert.match(url, /^\/api\/v1\/query\/prometheus\/query_range\?query=up&start=\d+&end=\d+&step=15$/);
    assert.ok(durationMs >= 0);
  });
});

describe('requests', () => {
  /** A fetch that answers when told to. */
  function pending(): { fetch: typeof fetch; urls: string[]; signals: AbortSignal[]; answer(index: number): void } {
    const urls: string[] = [];
    const signals: AbortSignal[] = [];
    const resolvers: (() => void)[] = [];
    const waiting = ((url: string, init: RequestInit) =>
      new Promise<Response>((resolve, reject) => {
        urls.push(url);
        signals.push(init.signal!);
        resolvers.push(() => resolve(new Response('{"status":"success","data":1}')));
        init.signal!.addEventListener('abort', () => reject(init.signal!.reason as Error));
      })) as typeof fetch;
    return { fetch: waiting, urls, signals, answer: (index) => resolvers[index]!() };
  }
  const settings = (more: Partial<RequestSettings>): RequestSettings => ({ ...defaultRequestSettings, ...more });
  const turns = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test('identical questions share one request', async () => {
    const server = pending();
    const send = createRequests(server.fetch);
    const answers = [1, 2, 3].map(() => send('prometheus', 'query', [['query', 'up']], signal()));
    await turns();
    server.answer(0);
    assert.deepEqual((await Promise.all(answers)).map(({ data }) => data), [1, 1, 1]);
    assert.equal(server.urls.length, 1);
  });

  test('a shared request goes on until the last reader leaves', async () => {
    const server = pending();
    const send = createRequests(server.fetch);
    const [first, second] = [new AbortController(), new AbortController()];
    const answers = [first, second].map(({ signal: own }) => send('prometheus', 'query', [['query', 'up']], own));
    await turns();
    first.abort(new Error('left'));
    await assert.rejects(answers[0]!, /left/);
    assert.equal(server.signals[0]!.aborted, false);
    second.abort(new Error('left too'));
    await assert.rejects(answers[1]!, /left too/);
    assert.equal(server.signals[0]!.aborted, true);
  });

  test('no more run at once than the bound', async () => {
    const server = pending();
    const send = createRequests(server.fetch, settings({ atOnce: 2 }));
    const answers = ['a', 'b', 'c'].map((query) => send('prometheus', 'query', [['query', query]], signal()));
    await turns();
    assert.equal(server.urls.length, 2);
    server.answer(0);
    await answers[0];
    await turns();
    assert.equal(server.urls.length, 3);
    server.answer(1);
    server.answer(2);
    await Promise.all(answers);
  });

  test('one that waits for its turn can be given up', async () => {
    const server = pending();
    const send = createRequests(server.fetch, settings({ atOnce: 1 }));
    const first = send('prometheus', 'query', [['query', 'a']], signal());
    const leaving = new AbortController();
    const second = send('prometheus', 'query', [['query', 'b']], leaving.signal);
    await turns();
    leaving.abort(new Error('left'));
    await assert.rejects(second, /left/);
    server.answer(0);
    await first;
    assert.equal(server.urls.length, 1);
  });

  test('the deadline is said in a sentence', async () => {
    const send = createRequests(pending().fetch, settings({ deadlineMs: 20 }));
    assert.equal((await send('loki', 'query', [], signal())).error, 'Loki did not answer within 0.02 seconds.');
  });

  test('a server that is away is said in a sentence', async () => {
    const send = createRequests((() => Promise.reject(new TypeError('fetch failed'))) as typeof fetch);
    const { error, status } = await send('prometheus', 'query', [], signal());
    assert.deepEqual([error, status], ['The server that serves this page does not answer.', 0]);
  });

  test('a busy proxy is asked again when it says so', async () => {
    const busy = { status: 503, body: { code: 'query_busy', detail: 'Busy' }, headers: { 'retry-after': '0' } };
    const { fetch, asked } = answering({ query: [busy, busy, matrix()] });
    assert.equal((await createRequests(fetch)('prometheus', 'query', [], signal())).error, undefined);
    assert.equal(asked.length, 3);
  });

  test('a busy proxy is not asked for ever', async () => {
    const { fetch, asked } = answering({ query: { status: 503, body: { detail: 'Busy' }, headers: { 'retry-after': '0' } } });
    assert.equal((await createRequests(fetch, settings({ retries: 2 }))('prometheus', 'query', [], signal())).error, 'Busy.');
    assert.equal(asked.length, 3);
  });

  test('a long query travels in a form', async () => {
    const { fetch, asked } = answering({ query: matrix() });
    const long = 'a+'.repeat(3000);
    await createRequests(fetch)('prometheus', 'query', [['query', long]], signal());
    assert.deepEqual([asked[0]!.method, asked[0]!.parameters.get('query')], ['POST', long]);
  });
});
