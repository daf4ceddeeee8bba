// `npm test`: the dashboards keep to Grafana's published schema and grammar, and each kind of mistake is found where it is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { dashboards, panelsOf } from './files.mjs';
import { faultsOf, logQueriesOf, mistakesOf } from './logql.mjs';
import { createValidator } from './schema.mjs';

const known = JSON.parse(readFileSync(new URL('log-fields.json', import.meta.url), 'utf8'));
const validate = createValidator();

/** A copy of a dashboard whose first panel of this type is changed, and the place of that panel. */
function changed(type, change) {
  for (const [name, original] of Object.entries(dashboards)) {
    const dashboard = structuredClone(original);
    const found = panelsOf(name, dashboard).find(({ panel }) => panel.type === type);
    if (found) {
      change(found.panel);
      return { name, dashboard, place: found.place };
    }
  }
  throw new Error(`no panel of type ${type}`);
}

test('every dashboard keeps to the published schema', () => {
  assert.ok(Object.keys(dashboards).length >= 9);
  assert.deepEqual(
    Object.entries(dashboards).flatMap(([name, dashboard]) => validate(name, dashboard)),
    [],
  );
});

const mistakes = [
  ['timeseries', 'legend/placement', (panel) => (panel.options.legend.placement = 'left')],
  ['timeseries', 'drawStyle', (panel) => (panel.fieldConfig.defaults.custom.drawStyle = 'curve')],
  ['timeseries', 'gridPos', (panel) => (panel.gridPos.w = 'wide')],
  ['timeseries', 'overrides', (panel) => (panel.fieldConfig.overrides = [{ matcher: { options: 'x' }, properties: [] }])],
  ['timeseries', 'unit', (panel) => (panel.fieldConfig.defaults.unit = 5)],
  ['stat', 'colorMode', (panel) => (panel.options.colorMode = 'backgrund')],
  ['stat', 'reduceOptions', (panel) => (panel.options.reduceOptions.calc = ['last'])],
  ['gauge', 'showThresholdMarkers', (panel) => (panel.options.showThresholdMarkers = 'yes')],
  ['bargauge', 'displayMode', (panel) => (panel.options.displayMode = 'bars')],
  ['table', 'cellHeight', (panel) => (panel.options.cellHeight = 'tiny')],
  ['heatmap', 'yAxis', (panel) => (panel.options.yAxis.axisPlacement = 'middle')],
  ['piechart', 'pieType', (panel) => (panel.options.pieType = 'cake')],
  ['logs', 'sortOrder', (panel) => (panel.options.sortOrder = 'newest')],
  ['text', 'mode', (panel) => (panel.options.mode = 'markup')],
  ['state-timeline', 'showValue', (panel) => (panel.options.showValue = 'sometimes')],
  ['status-history', 'colWidth', (panel) => (panel.options.colWidth = 'thin')],
];
for (const [type, part, change] of mistakes) {
  test(`a mistake in ${part} of a ${type} panel is named`, () => {
    const { name, dashboard, place } = changed(type, change);
    const faults = validate(name, dashboard);
    const { id } = JSON.parse(JSON.stringify(panelsOf(name, dashboard).find((one) => one.place === place).panel));
    const index = dashboard.panels.findIndex((panel) => panel.id === id);
    const names = (fault) => fault.includes(place) || fault.includes(`/panels/${index}`);
    assert.ok(faults.some((fault) => names(fault) && fault.includes(part)), `${place}: ${JSON.stringify(faults)}`);
  });
}

test('every LogQL query is LogQL, of labels and fields that are sent', () => {
  const all = Object.entries(dashboards);
  assert.ok(all.flatMap(([name, dashboard]) => logQueriesOf(name, dashboard)).length >= 15);
  assert.deepEqual(
    all.flatMap(([name, dashboard]) => faultsOf(name, dashboard, known)),
    [],
  );
});

test('every field that is listed is used', () => {
  const used = Object.entries(dashboards).flatMap(([name, dashboard]) => logQueriesOf(name, dashboard).map(({ expr }) => expr));
  assert.deepEqual(
    known.fields.filter((field) => !used.some((expr) => expr.includes(field))),
    [],
  );
});

test('a mistake in LogQL is found', () => {
  for (const wrong of [
    '{service="belfry"',
    '{service="belfry"} | jsn',
    '{service="belfry"} |= ',
    'sum by (level) (count_over_time({service="belfry"}))',
  ]) {
    assert.notDeepEqual(mistakesOf(wrong), [], wrong);
  }
  const { name, dashboard, place } = changed('logs', (panel) => {
    panel.targets[0].expr = '{servce=~"$service"} | json | htp_route = "/"';
  });
  const faults = faultsOf(name, dashboard, known);
  assert.deepEqual(faults, [
    `${place}, query A: no stream has the label servce`,
    `${place}, query A: no line has the field htp_route`,
  ]);
});

// What `belfry dashboards pull` is tested with is written by hand, and yet what Grafana would export.
test('the V2 export of the tests keeps to the published schema', () => {
  const file = new URL('../../backend/server/src/dashboards/tests/export-v2.json', import.meta.url);
  const { spec } = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(validate.v2(spec, 'export-v2.json'), []);
  const wrong = structuredClone(spec);
  wrong.variables[0].spec.hide = 'never';
  assert.notDeepEqual(validate.v2(wrong, 'export-v2.json'), []);
});
