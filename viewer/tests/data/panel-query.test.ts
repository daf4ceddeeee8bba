// From a panel's queries to frames: requests, legends, tables, heatmaps, gaps.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyNullInsertThreshold, DataFrameType, type DataFrame, dateTime, getFieldDisplayName } from '@grafana/data';
import type { Target } from '../../src/dashboard';
import { answering, context, lastMinutes, matrix, now, panel, variable, vector } from './support/fixtures';

const start = now / 1000 - 60;
const target = (more: Partial<Target>): Target => ({ refId: 'A', expr: 'up', ...more });
const names = (frames: DataFrame[]): string[] => frames.flatMap((frame) => frame.fields.filter(({ type }) => type !== 'time').map((field) => getFieldDisplayName(field, frame, frames)));

describe('requests of a panel', () => {
  test('a range query is aligned and has its variables filled in', async () => {
    const { data, asked } = answering({ query_range: matrix() });
    const variables = [variable({ name: 'job', multi: true }, ['a.b', 'c'])];
    const range = { from: dateTime(now - 1_795_500).utc(), to: dateTime(now + 4_500).utc(), raw: { from: 'now-30m', to: 'now' } };
    await data.queryPanel(panel({ targets: [target({ expr: 'rate(x{job=~"$job"}[$__rate_interval])' })] }), context({ variables, range }));
    assert.equal(asked.length, 1);
    assert.equal(asked[0]!.path, '/api/v1/query/prometheus/query_range');
    assert.deepEqual(Object.fromEntries(asked[0]!.parameters), { query: 'rate(x{job=~"(a\\\\.b|c)"}[1m])', start: String(now / 1000 - 1800), end: String(now / 1000), step: '15' });
  });

  test('an instant query asks for the end of the range', async () => {
    const { data, asked } = answering({ query: vector([{}, [start, '1']]) });
    await data.queryPanel(panel({ targets: [target({ instant: true, range: false })] }), context());
    assert.deepEqual([asked[0]!.path.split('/').pop(), asked[0]!.parameters.get('time')], ['query', String(now / 1000)]);
  });

  test('instant and range together ask twice', async () => {
    const { data, asked } = answering({ query_range: matrix([{ a: '1' }, [[start, '1']]]), query: vector([{ a: '1' }, [start, '2']]) });
    const { frames, traces } = await data.queryPanel(panel({ targets: [target({ instant: true, range: true })] }), context());
    assert.deepEqual(asked.map(({ path }) => path.split('/').pop()).sort(), ['query', 'query_range']);
    assert.equal(frames.length, 2);
    assert.equal(traces.length, 2);
  });

  test('hidden and empty queries ask nothing', async () => {
    const { data, asked } = answering({});
    const { frames } = await data.queryPanel(panel({ targets: [target({ hide: true }), target({ refId: 'B', expr: ' ' })] }), context());
    assert.deepEqual([asked.length, frames.length], [0, 0]);
  });

  test('a query whose variable could not be read is refused, not asked without it', async () => {
    const { data, asked } = answering({ query_range: matrix(), query: matrix() });
    const failedVariable = { ...variable({ name: 'job', includeAll: true }, ['$__all'], []), error: 'away' };
    const target = { refId: 'A', expr: 'sum(up{job=~"$job"})' };
    const { traces } = await data.queryPanel(panel({ targets: [target] }), context({ variables: [failedVariable] }));
    assert.deepEqual([asked.length, traces[0]!.error], [0, 'The values of the variable job could not be read.']);
    for (const chosen of [{ ...failedVariable, chosen: ['a'] }, { ...failedVariable, definition: { ...failedVariable.definition, allValue: '.+' } }]) {
      const answer = await data.queryPanel(panel({ targets: [target] }), context({ variables: [chosen] }));
      assert.equal(answer.traces[0]!.error, undefined, 'a chosen value and a custom All need no options');
    }
    const scoped = { job: { text: 'a', value: 'a' } };
    assert.equal((await data.queryPanel(panel({ targets: [target] }), context({ variables: [failedVariable], scoped }))).traces[0]!.error, undefined);
  });

  test('max data points decide instead of the width', async () => {
    const { data, asked } = answering({ query_range: matrix() });
    const { intervalMs } = await data.queryPanel(panel({ maxDataPoints: 10, targets: [target({})] }), context());
    assert.equal(asked[0]!.parameters.get('step'), '120');
    assert.equal(intervalMs, 120_000);
  });

  test('relative time and time shift move the range of one panel', async () => {
    const { data, asked } = answering({ query_range: matrix() });
    const { span } = await data.queryPanel(panel({ timeFrom: '1h', timeShift: '1d', targets: [target({})] }), context());
    const day = 86_400;
    assert.deepEqual(span, { from: now - 3_600_000 - day * 1000, to: now - day * 1000 });
    assert.equal(asked[0]!.parameters.get('end'), String(now / 1000 - day));
  });

  test('relative time does not replace an absolute range', async () => {
    const { data } = answering({ query_range: matrix() });
    const range = lastMinutes(30);
    const { span } = await data.queryPanel(panel({ timeFrom: '1h', targets: [target({})] }), context({ range: { ...range, raw: { from: range.from, to: range.to } } }));
    assert.equal(span.from, now - 1_800_000);
  });

  test('a time that is none is named', async () => {
    const { data } = answering({ query_range: matrix() });
    const { unsupported } = await data.queryPanel(panel({ timeFrom: 'yesterday', timeShift: 'a bit', targets: [target({ interval: 'often' })] }), context());
    assert.deepEqual(unsupported.sort(), ['min step "often" of query A', 'relative time "yesterday"', 'time shift "a bit"']);
  });
});

describe('legends', () => {
  // Grafana documentation, "Prometheus query editor", Legend.
  const series = matrix([{ __name__: 'up', job: 'api', instance: 'a' }, [[start, '1']]], [{ __name__: 'up', job: 'api', instance: 'b' }, [[start, '1']]]);
  const legend = async (legendFormat: string | undefined, answer = series): Promise<string[]> => {
    const { data } = answering({ query_range: answer });
    return names((await data.queryPanel(panel({ targets: [target({ ...(legendFormat === undefined ? {} : { legendFormat }) })] }), context())).frames);
  };

  test('custom: labels in their places', async () => assert.deepEqual(await legend('{{job}} on {{ instance }}'), ['api on a', 'api on b']));
  test('a label that a series lacks is nothing', async () => assert.deepEqual(await legend('{{job}}{{missing}}'), ['api', 'api']));
  test('verbose: name and labels', async () => assert.deepEqual(await legend(''), ['up{instance="a", job="api"}', 'up{instance="b", job="api"}']));
  test('automatic: the labels, the name among them', async () => {
    assert.deepEqual(await legend('__auto'), ['{__name__="up", instance="a", job="api"}', '{__name__="up", instance="b", job="api"}']);
  });
  test('automatic: one label alone is its value', async () => {
    assert.deepEqual(await legend('__auto', matrix([{ job: 'a' }, [[start, '1']]], [{ job: 'b' }, [[start, '1']]])), ['a', 'b']);
  });
  test('automatic: a series without labels is its query', async () => {
    assert.deepEqual(await legend('__auto', matrix([{}, [[start, '1']]])), ['up']);
  });
  test('variables in a legend are filled in', async () => {
    const { data } = answering({ query_range: series });
    const answer = await data.queryPanel(panel({ targets: [target({ legendFormat: '$v {{instance}}' })] }), context({ variables: [variable({ name: 'v' }, ['x'])] }));
    assert.deepEqual(names(answer.frames), ['x a', 'x b']);
  });
});

describe('frames', () => {
  test('a series is a frame of Time and Value, with labels and its step', async () => {
    const { data } = answering({ query_range: matrix([{ job: 'a' }, [[start, '1.5'], [start + 15, 'NaN'], [start + 30, '+Inf']]]) });
    const { frames } = await data.queryPanel(panel({ targets: [target({})] }), context());
    const [time, value] = frames[0]!.fields;
    assert.deepEqual([time!.name, time!.values, time!.config.interval], ['Time', [0, 15, 30].map((s) => (start + s) * 1000), 15_000]);
    assert.deepEqual([value!.name, value!.values, value!.labels], ['Value', [1.5, Number.NaN, Infinity], { job: 'a' }]);
  });

  test('a scrape that is missing becomes a gap', async () => {
    const { data } = answering({ query_range: matrix([{}, [[start, '1'], [start + 15, '2'], [start + 60, '3']]]) });
    const { frames } = await data.queryPanel(panel({ targets: [target({})] }), context());
    const withGaps = applyNullInsertThreshold({ frame: frames[0]! });
    assert.deepEqual(withGaps.fields[1]!.values.filter((value, index, all) => value !== all[index - 1]), [1, 2, null, 3]);
  });

  test('a scalar is one series', async () => {
    const { data } = answering({ query: { status: 'success', data: { resultType: 'scalar', result: [start, '42'] } } });
    const { frames } = await data.queryPanel(panel({ targets: [target({ expr: '42', instant: true })] }), context());
    assert.deepEqual([frames[0]!.fields[1]!.values, names(frames)], [[42], ['42']]);
  });

  test('a table has Time, the labels in order, and Value', async () => {
    const { data } = answering({ query: vector([{ b: '1', a: 'x' }, [start, '5']], [{ a: 'y', c: 'z' }, [start, '6']]) });
    const { frames } = await data.queryPanel(panel({ type: 'table', targets: [target({ instant: true, format: 'table' })] }), context());
    assert.deepEqual(frames[0]!.fields.map(({ name, values }) => [name, values]), [
      ['Time', [start * 1000, start * 1000]],
      ['a', ['x', 'y']],
      ['b', ['1', '']],
      ['c', ['', 'z']],
      ['Value', [5, 6]],
    ]);
  });

  test('values of several tables carry the name of their query', async () => {
    const { data } = answering({ query: vector([{ a: 'x' }, [start, '5']]) });
    const targets = ['A', 'B'].map((refId) => target({ refId, instant: true, format: 'table' }));
    const { frames } = await data.queryPanel(panel({ targets, transformations: [{ id: 'merge', options: {} }] }), context());
    assert.deepEqual(frames.map((frame) => frame.fields.map(({ name }) => name)), [['Time', 'a', 'Value #A', 'Value #B']]);
  });

  test('bounds of buckets in a table are numbers', async () => {
    const { data } = answering({ query: vector([{ le: '0.5' }, [start, '5']], [{ le: '+Inf' }, [start, '6']]) });
    const { frames } = await data.queryPanel(panel({ targets: [target({ instant: true, format: 'table' })] }), context());
    assert.deepEqual(frames[0]!.fields[1]!.values, [0.5, Infinity]);
  });

  test('a heatmap has its buckets in order, each without those below', async () => {
    const samples = (...values: string[]): [number, string][] => values.map((value, index) => [start + index * 15, value]);
    const { data } = answering({
      query_range: matrix([{ le: '+Inf' }, samples('10', '20')], [{ le: '1' }, samples('7', '12.0000001')], [{ le: '0.5' }, samples('4', '12.0000002')]),
    });
    const { frames } = await data.queryPanel(panel({ type: 'heatmap', targets: [target({ format: 'heatmap', legendFormat: '{{le}}' })] }), context());
    assert.equal(frames[0]!.meta?.type, DataFrameType.HeatmapRows);
    assert.deepEqual(names(frames), ['0.5', '1', '+Inf']);
    // A rounding error between neighbours is no negative count.
    assert.deepEqual(frames[0]!.fields.slice(1).map(({ values }) => values.map((value) => Math.round(value))), [[4, 12], [3, 0], [3, 8]]);
  });

  test('native histograms are named as unsupported', async () => {
    const { data } = answering({ query_range: { status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, histograms: [[start, {}]] }] } } });
    const { unsupported, frames } = await data.queryPanel(panel({ targets: [target({})] }), context());
    assert.deepEqual([unsupported, frames], [['native histograms as the result of a query A'], []]);
  });
});
