// The panels of the gallery: each kind with the options that change how it looks.
import type { DataFrame } from '@grafana/data';
import type { Panel } from '../src/dashboard';
import { heatmapFrame, logFrame, seriesFrames, stateFrames, tableFrame, wave } from './frames';

export interface Shown {
  panel: Panel;
  frames: DataFrame[];
  width: number;
  height: number;
}

const LEGEND_TABLE = { showLegend: true, displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] };
const LEGEND_LIST = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };
const THRESHOLDS = { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'orange', value: 0.6 }, { color: 'red', value: 0.8 }] };
const UP_DOWN = [{ type: 'value', options: { 0: { text: 'failing', color: 'red', index: 0 }, 1: { text: 'passing', color: 'green', index: 1 } } }];

let nextId = 1;

function shown(type: string, title: string, frames: DataFrame[], options: object, defaults: object = {}, size: [number, number] = [480, 240], overrides: object[] = []): Shown {
  const panel = { id: nextId++, type, title, gridPos: { x: 0, y: 0, w: 12, h: 8 }, options, fieldConfig: { defaults, overrides } } as unknown as Panel;
  return { panel, frames, width: size[0], height: size[1] };
}

/** A panel whose JSON has neither options nor field options. */
function bare(type: string, frames: DataFrame[]): Shown {
  const panel = { id: nextId++, type, title: `Bare ${type}`, gridPos: { x: 0, y: 0, w: 12, h: 8 } } as unknown as Panel;
  return { panel, frames, width: 320, height: 180 };
}

const palette = { color: { mode: 'palette-classic' } };
const two = ['GET /api/v1/datasets', 'POST /api/v1/training'];
const many = ['200', '201', '304', '400', '404', '500', '503', '504'];
const line = { drawStyle: 'line', lineWidth: 1, fillOpacity: 8, showPoints: 'auto' };

export function galleryPanels(): Shown[] {
  return [
    shown('timeseries', 'Lines, table legend', seriesFrames(two, (row, series) => 20 * wave(row, series)), { legend: LEGEND_TABLE, tooltip: { mode: 'multi', sort: 'desc' } }, { ...palette, unit: 'reqps', min: 0, custom: line }),
    shown('timeseries', 'Stacked, many series', seriesFrames(many, (row, series) => (series > 5 ? 0 : 30 * wave(row, series))), { legend: LEGEND_TABLE, tooltip: { mode: 'multi', sort: 'desc' } }, { ...palette, unit: 'reqps', min: 0, custom: { ...line, fillOpacity: 30, stacking: { mode: 'normal', group: 'A' } } }),
    shown('timeseries', 'Percent, right legend', seriesFrames(many.slice(0, 5), (row, series) => 30 * wave(row, series)), { legend: { ...LEGEND_TABLE, placement: 'right', calcs: ['mean'], sortBy: 'Mean', sortDesc: true }, tooltip: { mode: 'multi' } }, { ...palette, unit: 'reqps', custom: { ...line, fillOpacity: 60, lineWidth: 0, stacking: { mode: 'percent', group: 'A' } } }),
    shown('timeseries', 'Bytes, gaps, list legend', seriesFrames(['used', 'cache'], (row, series) => (row % 60 > 50 ? null : 2 ** 30 * (1 + series) * wave(row, series))), { legend: LEGEND_LIST, tooltip: { mode: 'single' } }, { ...palette, unit: 'bytes', min: 0, custom: { ...line, gradientMode: 'opacity', fillOpacity: 60 } }),
    shown('timeseries', 'Thresholds, two axes', seriesFrames(['errors', 'requests'], (row, series) => (series === 0 ? wave(row, 0) : 4000 * wave(row, 1))), { legend: LEGEND_LIST, tooltip: { mode: 'multi' } }, { ...palette, unit: 'percentunit', max: 1, min: 0, thresholds: THRESHOLDS, custom: { ...line, thresholdsStyle: { mode: 'line+area' } } }, [480, 240], [
      { matcher: { id: 'byName', options: 'requests' }, properties: [{ id: 'unit', value: 'short' }, { id: 'max', value: null }, { id: 'custom.axisPlacement', value: 'right' }, { id: 'custom.axisLabel', value: 'Requests' }, { id: 'custom.thresholdsStyle', value: { mode: 'off' } }, { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } }] },
    ]),
    shown('timeseries', 'Bars', seriesFrames(['runs'], (row) => Math.round(12 * wave(row, 2)), 600_000), { legend: LEGEND_LIST, tooltip: { mode: 'single' } }, { ...palette, unit: 'short', decimals: 0, custom: { drawStyle: 'bars', fillOpacity: 60, lineWidth: 1 } }),
    shown('timeseries', 'Log scale, points, steps', seriesFrames(['p50', 'p99'], (row, series) => 10 ** (4 * wave(row, series) - 3), 300_000), { legend: LEGEND_LIST, tooltip: { mode: 'multi' } }, { ...palette, unit: 's', custom: { ...line, showPoints: 'always', lineInterpolation: 'stepAfter', scaleDistribution: { type: 'log', log: 10 } } }),
    shown('timeseries', 'Scheme gradient', seriesFrames(['load'], (row) => wave(row, 3)), { legend: { showLegend: false }, tooltip: { mode: 'single' } }, { color: { mode: 'continuous-GrYlRd' }, unit: 'percentunit', min: 0, max: 1, custom: { ...line, lineWidth: 2, fillOpacity: 25, gradientMode: 'scheme', lineInterpolation: 'smooth' } }),
    shown('timeseries', 'Low', seriesFrames(['errors'], (row) => 0.2 + 0.01 * wave(row, 3)), { legend: { showLegend: false } }, { ...palette, unit: 'percentunit', min: 0, custom: line }, [446, 177]),
    shown('timeseries', 'Narrow', seriesFrames(['errors'], (row) => 0.217 * wave(row, 3)), { legend: { showLegend: false } }, { ...palette, unit: 'suffix: requests/s', decimals: 4, min: 0, custom: line }, [250, 177]),
    shown('timeseries', 'No data', [], { legend: LEGEND_TABLE }, { noValue: 'Metrics off or down' }),
    shown('stat', 'Background', seriesFrames(['ready'], () => 1), { colorMode: 'background', graphMode: 'none', textMode: 'auto', reduceOptions: { calcs: ['lastNotNull'] } }, { mappings: [{ type: 'value', options: { 1: { text: 'Reachable', color: 'green', index: 0 } } }], thresholds: THRESHOLDS }, [200, 90]),
    shown('stat', 'Value and sparkline', seriesFrames(['rate'], (row) => 340 * wave(row, 1)), { colorMode: 'value', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 'reqps', thresholds: { mode: 'absolute', steps: [{ color: 'blue', value: null }] } }, [200, 120]),
    shown('stat', 'Background and sparkline', seriesFrames(['rate'], (row) => wave(row, 1)), { colorMode: 'background', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 'percentunit', decimals: 1, thresholds: THRESHOLDS }, [280, 120]),
    shown('stat', 'Several', seriesFrames(two, (row, series) => 340 * wave(row, series)), { colorMode: 'value', graphMode: 'area', showPercentChange: true, reduceOptions: { calcs: ['lastNotNull'] } }, { ...palette, unit: 'reqps' }, [480, 140]),
    shown('stat', 'Wide with name', seriesFrames(['uptime'], (row) => row * 60), { colorMode: 'value', graphMode: 'none', textMode: 'value_and_name', reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 's', links: [{ title: 'Targets', url: '/targets' }], thresholds: THRESHOLDS }, [300, 70]),
    shown('stat', 'No data', [], { colorMode: 'background', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'] } }, { noValue: 'Metrics off or down', thresholds: THRESHOLDS }, [200, 90]),
    shown('gauge', 'Gauge', seriesFrames(['cpu'], (row) => wave(row, 1)), { reduceOptions: { calcs: ['lastNotNull'] }, showThresholdLabels: true, showThresholdMarkers: true }, { unit: 'percentunit', min: 0, max: 1, thresholds: THRESHOLDS }, [260, 180]),
    shown('gauge', 'Several gauges', seriesFrames(['cpu', 'memory', 'disk'], (row, series) => wave(row, series)), { reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 'percentunit', min: 0, max: 1, thresholds: THRESHOLDS }, [480, 160]),
    shown('bargauge', 'Basic', seriesFrames(['clean_up', 'backup', 'train_models'], (row, series) => 3600 * wave(row, series)), { displayMode: 'basic', orientation: 'horizontal', namePlacement: 'left', valueMode: 'color', reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 's', min: 0, thresholds: THRESHOLDS }, [420, 150]),
    shown('bargauge', 'Gradient', seriesFrames(['clean_up', 'backup', 'train'], (row, series) => wave(row, series)), { displayMode: 'gradient', orientation: 'horizontal', reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 'percentunit', min: 0, max: 1, color: { mode: 'continuous-GrYlRd' } }, [300, 180]),
    shown('bargauge', 'LCD', seriesFrames(['a', 'b', 'c', 'd'], (row, series) => wave(row, series)), { displayMode: 'lcd', orientation: 'vertical', reduceOptions: { calcs: ['lastNotNull'] } }, { unit: 'percentunit', min: 0, max: 1, thresholds: THRESHOLDS }, [260, 180]),
    shown('table', 'Cells', [tableFrame()], { showHeader: true, cellHeight: 'sm', sortBy: [{ displayName: 'Score', desc: true }], footer: { show: true, reducer: ['mean'], fields: [] } }, { thresholds: THRESHOLDS, custom: { align: 'auto' } }, [760, 300], [
      { matcher: { id: 'byName', options: 'Score' }, properties: [{ id: 'custom.cellOptions', value: { type: 'gauge', mode: 'gradient' } }, { id: 'min', value: 0 }, { id: 'max', value: 1 }, { id: 'decimals', value: 3 }] },
      { matcher: { id: 'byName', options: 'State' }, properties: [{ id: 'mappings', value: UP_DOWN }, { id: 'custom.cellOptions', value: { type: 'color-background' } }, { id: 'custom.width', value: 110 }] },
      { matcher: { id: 'byName', options: 'Duration' }, properties: [{ id: 'unit', value: 's' }, { id: 'custom.cellOptions', value: { type: 'color-text' } }] },
      { matcher: { id: 'byName', options: 'Algorithm' }, properties: [{ id: 'links', value: [{ title: 'Runs', url: '/dashboards/training?x=1' }] }] },
    ]),
    shown('state-timeline', 'State timeline', stateFrames(), { mergeValues: true, showValue: 'auto', alignValue: 'left', rowHeight: 0.8, legend: LEGEND_LIST, tooltip: { mode: 'single' } }, { mappings: UP_DOWN, thresholds: THRESHOLDS, custom: { fillOpacity: 70, lineWidth: 0 } }, [480, 200]),
    shown('status-history', 'Status history', seriesFrames(['web', 'worker', 'db'], (row, series) => ((row * 7 + series) % 11 < 2 ? 0 : 1), 600_000), { showValue: 'never', rowHeight: 0.9, colWidth: 0.9, legend: LEGEND_LIST }, { mappings: UP_DOWN, custom: { fillOpacity: 70, lineWidth: 1 } }, [480, 180]),
    shown('heatmap', 'Heatmap', [heatmapFrame()], { calculate: false, cellGap: 1, color: { mode: 'scheme', scheme: 'Oranges', steps: 64 }, filterValues: { le: 1e-9 }, yAxis: { unit: 's' }, legend: { show: true }, tooltip: { mode: 'single' } }, {}, [480, 260]),
    shown('heatmap', 'Spectral', [heatmapFrame()], { cellGap: 0, color: { mode: 'scheme', scheme: 'Spectral', steps: 64 }, filterValues: { le: 1e-9 }, yAxis: { unit: 's' }, legend: { show: false } }, {}, [480, 200]),
    shown('piechart', 'Pie', seriesFrames(['iris', 'wine', 'digits', 'penguins'], (row, series) => 100 * wave(row, series)), { pieType: 'pie', displayLabels: ['percent'], reduceOptions: { calcs: ['lastNotNull'] }, legend: { showLegend: true, displayMode: 'table', placement: 'right', values: ['value', 'percent'] } }, { ...palette, unit: 'short', decimals: 0 }, [400, 220]),
    shown('piechart', 'Donut', seriesFrames(['iris', 'wine'], (row, series) => 100 * wave(row, series)), { pieType: 'donut', reduceOptions: { calcs: ['lastNotNull'] }, legend: LEGEND_LIST }, { ...palette, unit: 'bytes' }, [260, 220]),
    shown('barchart', 'Bar chart', [tableFrame(5)], { orientation: 'auto', xField: 'Algorithm', legend: LEGEND_LIST, tooltip: { mode: 'multi' } }, palette, [480, 240], [{ matcher: { id: 'byName', options: 'State' }, properties: [{ id: 'custom.hideFrom', value: { viz: true, legend: true, tooltip: true } }] }]),
    shown('barchart', 'Horizontal, stacked', [tableFrame(5)], { orientation: 'horizontal', stacking: 'normal', xField: 'Algorithm', legend: LEGEND_LIST }, palette, [480, 240]),
    shown('text', 'Markdown', [], { mode: 'markdown', content: '## What this shows\n\nOne **run** of `training`, see [the targets](/targets) or [Prometheus](https://prometheus.io).\n\n- first\n- second\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<img src=x onerror=alert(1)><b style="color:red">bold</b><script>alert(2)</script>' }, {}, [360, 260]),
    shown('text', 'Code', [], { mode: 'code', content: 'sum by (route) (\n  rate(http_requests_total[5m])\n)', code: { showLineNumbers: true, language: 'plaintext' } }, {}, [360, 120]),
    shown('logs', 'Logs', [logFrame()], { showTime: true, wrapLogMessage: true, enableLogDetails: true, sortOrder: 'Descending', dedupStrategy: 'none' }, {}, [760, 240]),
    shown('alertlist', 'Alerts', [], { stateFilter: { firing: true, pending: true, normal: true, error: true }, sortOrder: 3, maxItems: 20, groupMode: 'default' }, {}, [480, 240]),
    ...['timeseries', 'stat', 'gauge', 'bargauge', 'piechart'].map((type) => bare(type, seriesFrames(two, (row, series) => 100 * wave(row, series)))),
    ...['table', 'barchart', 'text', 'alertlist'].map((type) => bare(type, [tableFrame(4)])),
    ...['state-timeline', 'status-history'].map((type) => bare(type, stateFrames())),
    bare('heatmap', [heatmapFrame()]),
    bare('logs', [logFrame()]),
    shown('news', 'A kind that is not drawn', [], {}, {}, [300, 100]),
  ];
}
