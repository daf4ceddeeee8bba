// The data layer against a real Prometheus: what it asks is understood, and what comes back is what was written.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { getFieldDisplayName, reduceField } from '@grafana/data';
import type { Annotation, Panel, Variable } from '../../src/dashboard';
import { createDataLayer } from '../../src/data';
import type { DataLayer, PanelData, VariableState } from '../../src/data/contract';
import { context, dashboard, lastMinutes, now, panel } from './support/fixtures';
import { history, type RunningPrometheus, startPrometheus } from './support/prometheus';

describe('with a real Prometheus', () => {
  let prometheus: RunningPrometheus;
  let data: DataLayer;
  before(async () => {
    prometheus = await startPrometheus(history());
    data = createDataLayer(prometheus.fetch);
  });
  after(() => prometheus.stop());

  const source = { type: 'prometheus', uid: 'Prometheus' };
  const job: Variable = { name: 'job', type: 'query', query: { qryType: 1, query: 'label_values(up{tier!="monitoring"}, job)' }, datasource: source, multi: true, includeAll: true, sort: 1 };
  const instance: Variable = { name: 'instance', type: 'query', query: 'label_values(requests_total{job=~"$job"}, instance)', datasource: source, multi: true, includeAll: true, sort: 1 };
  const variables = async (chosen = {}): Promise<VariableState[]> => data.resolveVariables({ ...dashboard, templating: { list: [job, instance] } }, chosen, lastMinutes(30), new AbortController().signal);
  const draw = async (more: Partial<Panel>, chosen = {}): Promise<PanelData> => data.queryPanel(panel(more), context({ variables: await variables(chosen) }));
  const lastValues = ({ frames }: PanelData): Record<string, number> =>
    Object.fromEntries(frames.map((frame) => [getFieldDisplayName(frame.fields[1]!, frame, frames), reduceField({ field: frame.fields[1]!, reducers: ['lastNotNull'] }).lastNotNull]));
  const rate = { refId: 'A', expr: 'sum by (instance) (rate(requests_total{instance=~"$instance"}[$__rate_interval]))', legendFormat: '{{instance}}', range: true };

  test('chained variables', async () => {
    assert.deepEqual((await variables()).map(({ options, chosen, error }) => [options.map(({ value }) => value), chosen, error]), [
      [['api'], ['$__all'], undefined],
      [['a.b:1', 'c:1'], ['$__all'], undefined],
    ]);
  });

  test('rates of all instances', async () => {
    assert.deepEqual(lastValues(await draw({ targets: [rate] })), { 'a.b:1': 2, 'c:1': 4 });
  });

  test('one instance, with a dot in its name', async () => {
    assert.deepEqual(lastValues(await draw({ targets: [rate] }, { instance: ['a.b:1'] })), { 'a.b:1': 2 });
  });

  test('no point stands where none was scraped', async () => {
    const { frames, intervalMs } = await draw({ targets: [{ refId: 'A', expr: 'last_over_time(up{job="api"}[15s])' }] });
    const times = frames[0]!.fields[0]!.values as number[];
    const gaps = times.flatMap((time, index) => (index > 0 && time - times[index - 1]! > intervalMs ? [(time - times[index - 1]!) / 1000] : []));
    assert.deepEqual([times.at(-1), gaps.length], [now, 1]);
  });

  test('an instant table of a sum', async () => {
    const { frames } = await draw({ type: 'table', targets: [{ refId: 'A', expr: 'sum by (job) (increase(requests_total[$__range]))', instant: true, format: 'table' }] });
    assert.deepEqual(frames[0]!.fields.map(({ name, values }) => [name, name === 'Value' ? Math.round(values[0]) > 5000 : values[0]]), [['Time', now], ['job', 'api'], ['Value', true]]);
  });

  test('a heatmap of buckets: one, two and one of four', async () => {
    const { frames } = await draw({ type: 'heatmap', targets: [{ refId: 'A', expr: 'sum by (le) (rate(latency_seconds_bucket[$__rate_interval]))', format: 'heatmap', legendFormat: '{{le}}' }] });
    assert.deepEqual(frames[0]!.fields.slice(1).map(({ name, values }) => [name, Math.round(values.at(-1) * 100) / 100]), [['0.1', 1], ['0.5', 2], ['+Inf', 1]]);
  });

  test('query_result, metrics and series', async () => {
    const list = ['query_result(up{job="api"})', 'metrics(^req)', 'up{tier="monitoring"}'].map((query, index): Variable => ({ name: `v${index}`, type: 'query', query, datasource: source }));
    const states = await data.resolveVariables({ ...dashboard, templating: { list } }, {}, lastMinutes(30), new AbortController().signal);
    assert.deepEqual(states.map(({ options }) => options.map(({ value }) => value)), [
      [`up{instance="a.b:1",job="api",tier="service"} 1 ${now}`],
      ['requests_total'],
      ['up{instance="p:1",job="prometheus",tier="monitoring"}'],
    ]);
  });

  test('an annotation of a start', async () => {
    const starts: Annotation = { name: 'Starts', expr: 'started_seconds * 1000', useValueForTime: 'on', titleFormat: '{{job}} started', datasource: source };
    const { marks, errors } = await data.queryAnnotations(context({ dashboard: { ...dashboard, annotations: { list: [starts] } } }));
    assert.deepEqual([marks.map(({ time, title }) => [time, title]), errors], [[[now - 600_000, 'api started']], []]);
  });

  test('its refusals become sentences', async () => {
    const errors = async (expr: string): Promise<string | undefined> => (await draw({ targets: [{ refId: 'A', expr }] })).traces[0]!.error;
    assert.match((await errors('rate(up'))!, /^Prometheus refuses the query: .*parse error.*\.$/);
    assert.match((await errors('up * on(job) group_left() {__name__=~"up|started_seconds"} * on() {job="api"}'))!, /^Prometheus cannot run the query: .*\.$/);
  });
});
