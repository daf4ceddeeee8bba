// Every kind of variable: where its options come from, what is chosen, and what happens when it fails.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Variable } from '../../src/dashboard';
import type { Chosen, VariableState } from '../../src/data/contract';
import { resolutionOrder } from '../../src/data/variables/dependencies';
import { filterByRegex, parseCustomOptions, sortOptions } from '../../src/data/variables/options';
import { type Asked, answering, dashboard, lastMinutes, list, now, vector } from './support/fixtures';

async function resolve(variables: Variable[], answers: Parameters<typeof answering>[0] = {}, chosen: Chosen = {}): Promise<{ states: VariableState[]; asked: Asked[] }> {
  const { data, asked } = answering(answers);
  const states = await data.resolveVariables({ ...dashboard, templating: { list: variables } }, chosen, lastMinutes(30), new AbortController().signal);
  return { states, asked };
}
const query = (name: string, text: Variable['query'], more: Partial<Variable> = {}): Variable => ({ name, type: 'query', query: text!, datasource: { type: 'prometheus', uid: 'Prometheus' }, refresh: 1, ...more });
const values = (state: VariableState | undefined): string[] => state!.options.map(({ value }) => value);

describe('query variables', () => {
  // Grafana documentation, "Prometheus template variables".
  const times = { start: String(now / 1000 - 1800), end: String(now / 1000) };
  const asks: [string, string, Record<string, string>][] = [
    ['label_names()', 'labels', times],
    ['label_names(up)', 'labels', { ...times, 'match[]': 'up' }],
    ['label_values(job)', 'label/job/values', times],
    ['label_values(up{tier!="a,b"}, job)', 'label/job/values', { ...times, 'match[]': 'up{tier!="a,b"}' }],
    ['label_values(up, "service.name")', 'label/service.name/values', { ...times, 'match[]': 'up' }],
    ['metrics(.*)', 'label/__name__/values', times],
    ['query_result(topk(5, up))', 'query', { query: 'topk(5, up)', time: times.end }],
    ['up{job="a"}', 'series', { ...times, 'match[]': 'up{job="a"}' }],
  ];
  for (const [text, path, parameters] of asks) {
    test(`${text} asks ${path}`, async () => {
      const { asked } = await resolve([query('v', text)], { values: list(), labels: list(), query: vector(), series: list() });
      assert.equal(asked[0]!.path, `/api/v1/query/prometheus/${path}`);
      assert.deepEqual(Object.fromEntries(asked[0]!.parameters), parameters);
    });
  }

  test('the object form of newer dashboards', async () => {
    const { states } = await resolve([query('v', { qryType: 1, query: 'label_values(up, job)', refId: 'x' })], { values: list('a', 'b') });
    assert.deepEqual(values(states[0]), ['a', 'b']);
  });

  test('metrics() keeps the names that match', async () => {
    const { states } = await resolve([query('v', 'metrics(_total$)')], { values: list('a_total', 'b_bytes') });
    assert.deepEqual(values(states[0]), ['a_total']);
  });

  test('query_result gives text that a regex takes apart', async () => {
    const answer = vector([{ __name__: 'up', job: 'a', instance: 'x:1' }, [5, '1']]);
    const whole = await resolve([query('v', 'query_result(up)')], { query: answer });
    assert.deepEqual(values(whole.states[0]), ['up{job="a",instance="x:1"} 1 5000']);
    const part = await resolve([query('v', 'query_result(up)', { regex: '/instance="([^"]+)"/' })], { query: answer });
    assert.deepEqual(values(part.states[0]), ['x:1']);
  });

  test('chained: the second asks with the choice of the first', async () => {
    const chain = [query('instance', 'label_values(up{job=~"$job"}, instance)', { multi: true, includeAll: true }), query('job', 'label_values(up, job)', { multi: true })];
    const { states, asked } = await resolve(chain, { 'job/values': list('a.b', 'c'), 'instance/values': list('x') }, { job: ['a.b', 'c'] });
    assert.equal(asked[1]!.parameters.get('match[]'), 'up{job=~"(a\\\\.b|c)"}');
    assert.deepEqual(states.map(({ definition }) => definition.name), ['instance', 'job'], 'in the order of the dashboard');
  });

  test('a choice that the options lack stays and is named', async () => {
    const { states } = await resolve([query('v', 'label_values(up, job)', { multi: true, includeAll: true })], { values: list('a', 'b') }, { v: ['b', 'gone'] });
    assert.deepEqual([states[0]!.chosen, states[0]!.unknown], [['b', 'gone'], ['gone']]);
    const single = await resolve([query('v', 'label_values(up, job)', { includeAll: true })], { values: list('a', 'b') }, { v: ['gone'] });
    assert.deepEqual([single.states[0]!.chosen, single.states[0]!.unknown], [['gone'], ['gone']]);
  });

  test('a choice that the options lack is named though only options are allowed', async () => {
    const { states } = await resolve([query('v', 'label_values(up, job)', { includeAll: true, allowCustomValue: false })], { values: list('a', 'b') }, { v: ['gone'] });
    assert.deepEqual([states[0]!.chosen, states[0]!.unknown], [['$__all'], ['gone']]);
  });

  test('what follows a variable that was chosen anew loses the values that its new options lack', async () => {
    const chain = [query('job', 'label_values(up, job)'), query('instance', 'label_values(up{job="$job"}, instance)', { multi: true }), query('other', 'label_values(up, x)')];
    const { data } = answering({ 'job/values': list('a', 'b'), 'instance/values': list('y'), 'x/values': list('z') });
    const chosen = { job: ['b'], instance: ['x', 'y'], other: ['gone'] };
    const states = await data.resolveVariables({ ...dashboard, templating: { list: chain } }, chosen, lastMinutes(30), new AbortController().signal, 'job');
    assert.deepEqual(states.map((state) => state.chosen), [['b'], ['y'], ['gone']]);
    assert.deepEqual(states.map(({ unknown }) => unknown), [undefined, undefined, ['gone']]);
  });

  test('what needs a variable that failed asks for nothing', async () => {
    const chain = [query('job', 'label_values(up, job)', { includeAll: true }), query('instance', 'label_values(up{job=~"$job"}, instance)', { includeAll: true })];
    const { states, asked } = await resolve(chain, { 'job/values': { status: 502, body: { detail: 'away.' } }, 'instance/values': list('x') }, { job: ['$__all'] });
    assert.equal(asked.length, 1);
    assert.deepEqual(states.map(({ error }) => error), ['away.', 'away.'], 'for the same reason');
    const known = await resolve(chain, { 'job/values': { status: 502, body: { detail: 'away.' } }, 'instance/values': list('x') }, { job: ['a'] });
    assert.deepEqual(values(known.states[1]), ['x'], 'a chosen value needs no options');
  });

  test('variables that need each other are named with their circle', async () => {
    const { states, asked } = await resolve([query('a', 'label_values(up{x="$b"}, y)'), query('b', 'label_values(up{x="${a}"}, y)'), query('c', 'label_values(up{x="$a"}, y)')]);
    assert.equal(asked.length, 0);
    assert.deepEqual(states.map(({ error }) => error), ['a → b → a', 'b → a → b', 'c → a → b → a'].map((way) => `The variables need each other in a circle: ${way}.`));
  });

  test('a refused query is said, and the choice stays', async () => {
    const { states } = await resolve([query('v', 'label_values(up{, job)')], { values: { status: 400, body: { status: 'error', errorType: 'bad_data', error: 'parse error' } } }, { v: ['kept'] });
    assert.deepEqual([states[0]!.error, states[0]!.chosen], ['Prometheus refuses the query: parse error.', ['kept']]);
  });

  test('never refreshed: the options that were saved', async () => {
    const { states, asked } = await resolve([query('v', 'label_values(job)', { refresh: 0, options: [{ text: 'One', value: '1' }] })]);
    assert.deepEqual([values(states[0]), asked.length], [['1'], 0]);
  });

  test('Loki: labels and their values', async () => {
    const loki = { datasource: { type: 'loki', uid: 'Loki' } };
    const { asked } = await resolve([query('a', 'label_values({job="x"}, level)', loki), query('b', { type: 1, label: 'level', stream: '{job="x"}', refId: 'q' } as never, loki)], { values: list('info') });
    for (const { path, parameters } of asked) {
      assert.equal(path, '/api/v1/query/loki/label/level/values');
      assert.deepEqual(Object.fromEntries(parameters), { start: `${now - 1_800_000}000000`, end: `${now}000000`, query: '{job="x"}' });
    }
    assert.equal(asked.length, 1, 'the same question is asked once');
  });
});

describe('other kinds of variables', () => {
  const one = async (definition: Variable, chosen?: string[]): Promise<VariableState> => (await resolve([definition], {}, chosen ? { [definition.name]: chosen } : {})).states[0]!;

  test('custom: values, names for values, commas inside', async () => {
    const state = await one({ name: 'v', type: 'custom', query: 'a, Bee : b , c\\,d' });
    assert.deepEqual(state.options, [{ text: 'a', value: 'a' }, { text: 'Bee', value: 'b' }, { text: 'c,d', value: 'c,d' }]);
    assert.deepEqual(state.chosen, ['a']);
  });
  test('an option may be chosen by its text', async () => {
    assert.deepEqual((await one({ name: 'v', type: 'custom', query: 'a, Bee : b' }, ['Bee'])).chosen, ['b']);
  });
  test('constant: always its value', async () => {
    assert.deepEqual((await one({ name: 'v', type: 'constant', query: 'fixed' }, ['other'])).chosen, ['fixed']);
  });
  test('textbox: what was typed, else what is stored, else its default', async () => {
    const definition: Variable = { name: 'v', type: 'textbox', query: 'default' };
    assert.deepEqual((await one(definition)).chosen, ['default']);
    assert.deepEqual((await one({ ...definition, current: { text: 's', value: 's' } })).chosen, ['s']);
    assert.deepEqual((await one(definition, ['typed'])).chosen, ['typed']);
    assert.deepEqual((await one(definition, [''])).chosen, ['']);
  });
  test('interval: its list, with auto first', async () => {
    const state = await one({ name: 'step', type: 'interval', query: '1m,10m,"30m"', auto: true, auto_count: 10, current: { text: '10m', value: '10m' } });
    assert.deepEqual([values(state), state.chosen], [['$__auto_interval_step', '1m', '10m', '30m'], ['10m']]);
  });
  test('datasource: those of its type', async () => {
    const state = await one({ name: 'ds', type: 'datasource', query: 'prometheus', current: { text: 'default', value: 'default' } });
    assert.deepEqual([values(state), state.chosen], [['Prometheus'], ['Prometheus']]);
  });
  test('multi keeps several, single keeps one', async () => {
    assert.deepEqual((await one({ name: 'v', type: 'custom', query: 'a,b,c', multi: true }, ['b', 'c'])).chosen, ['b', 'c']);
    assert.deepEqual((await one({ name: 'v', type: 'custom', query: 'a,b,c' }, ['b', 'c'])).chosen, ['b']);
  });
  test('All is chosen where it is offered and nothing else is', async () => {
    assert.deepEqual((await one({ name: 'v', type: 'custom', query: 'a,b', includeAll: true })).chosen, ['$__all']);
    assert.deepEqual((await one({ name: 'v', type: 'custom', query: 'a,b', includeAll: true, current: { text: 'b', value: 'b' } })).chosen, ['b']);
  });
  for (const type of ['adhoc', 'groupby', 'switch']) {
    test(`${type} is named as one that the viewer lacks`, async () => {
      assert.equal((await one({ name: 'v', type })).error, `The viewer does not have variables of the type "${type}".`);
    });
  }
  test('a query to a datasource that the viewer lacks is named', async () => {
    const state = await one({ name: 'v', type: 'query', query: 'select 1', datasource: { type: 'mysql', uid: 'Business' } });
    assert.equal(state.error, 'It asks for the datasource "Business", which the viewer cannot query.');
  });
});

describe('options', () => {
  // Grafana documentation, "Filter variables with regex".
  const backends = ['backend_01', 'backend_02', 'frontend_01'].map((text) => ({ text, value: text }));
  const picked = (regex: string): string[] => filterByRegex(backends, regex).map(({ text, value }) => (text === value ? value : `${text}=${value}`));

  test('only what matches', () => assert.deepEqual(picked('/backend/'), ['backend_01', 'backend_02']));
  test('a pattern without slashes must match the whole', () => assert.deepEqual(picked('backend_0.'), ['backend_01', 'backend_02']));
  test('the first group is the option, each once', () => assert.deepEqual(picked('/_(\\d+)/'), ['01', '02']));
  test('named groups are text and value', () => assert.deepEqual(picked('/(?<text>\\w+)_(?<value>\\d+)/'), ['backend=01', 'backend=02']));
  test('flags are read', () => assert.deepEqual(picked('/BACKEND/i'), ['backend_01', 'backend_02']));
  test('with the flag g every match is an option', () => {
    assert.deepEqual(filterByRegex([{ text: 'a=1 b=2', value: 'a=1 b=2' }], '/(\\w)=\\d/g').map(({ value }) => value), ['a', 'b']);
  });
  test('a broken regex says so', () => assert.throws(() => picked('/(/'), /^Error: The regex \/\(\/ cannot be read/));

  const order = (sort: number): string => sortOptions(['b10', 'a2', 'B1', 'a10'].map((text) => ({ text, value: text })), sort).map(({ text }) => text).join(' ');
  const orders: [number, string][] = [[0, 'b10 a2 B1 a10'], [1, 'B1 a10 a2 b10'], [2, 'b10 a2 a10 B1'], [3, 'B1 a2 b10 a10'], [5, 'a10 a2 B1 b10'], [6, 'b10 B1 a2 a10'], [7, 'a2 a10 B1 b10'], [8, 'b10 B1 a10 a2']];
  for (const [sort, expected] of orders) {
    test(`sort ${sort}`, () => assert.equal(order(sort), expected));
  }

  test('empty parts of a custom list are no options', () => assert.deepEqual(parseCustomOptions(' ,a,, ').map(({ value }) => value), ['a']));
  test('variables are read in groups that need nothing later', () => {
    const { groups } = resolutionOrder([query('c', 'x{a="$a",b="[[b:regex]]"}'), query('b', 'x{a="${a:pipe}"}'), query('a', 'x')]);
    assert.deepEqual(groups.map((group) => group.map(({ name }) => name)), [['a'], ['b'], ['c']]);
  });
});
