// Fixed frames for the gallery and for browser tests of panels: the same at each run.
import { createDataFrame, type DataFrame, FieldType } from '@grafana/data';

export const STEP = 60_000;
export const END = Date.UTC(2024, 4, 15, 12, 0, 0);
export const START = END - 3 * 3600_000;

/** One frame a series, as a range query gives them. `value` gets the row number and the series. */
export function seriesFrames(names: string[], value: (row: number, series: number) => number | null, step = STEP): DataFrame[] {
  const times = Array.from({ length: Math.floor((END - START) / step) + 1 }, (_, row) => START + row * step);
  return names.map((name, series) =>
    createDataFrame({
      name,
      fields: [
        { name: 'Time', type: FieldType.time, values: times, config: { interval: step } },
        { name: 'Value', type: FieldType.number, values: times.map((_, row) => value(row, series)), labels: { name }, config: { displayNameFromDS: name } },
      ],
    }),
  );
}

/** Between 0 and 1, without randomness. */
export function wave(row: number, series: number): number {
  return 0.5 + 0.3 * Math.sin(row / 17 + series * 1.3) + 0.15 * Math.sin(row / 3.7 + series * 2.1) + 0.05 * Math.sin(row * 1.9 + series);
}

export function heatmapFrame(): DataFrame {
  const bounds = ['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf'];
  const times = Array.from({ length: 181 }, (_, row) => START + row * STEP);
  return createDataFrame({
    fields: [
      { name: 'Time', type: FieldType.time, values: times, config: { interval: STEP } },
      ...bounds.map((bound, index) => ({
        name: bound,
        type: FieldType.number,
        labels: { le: bound },
        values: times.map((_, row) => Math.max(0, Math.round(120 * Math.exp(-((index - 4 - 1.5 * Math.sin(row / 30)) ** 2) / 2) - 2 + 3 * wave(row, index)))),
        config: { displayNameFromDS: bound },
      })),
    ],
  });
}

export function tableFrame(rows = 9): DataFrame {
  const names = ['linear_regression', 'random_forest', 'gradient_boosting', 'k_nearest', 'logistic', 'naive_bayes', 'svm', 'decision_tree', 'perceptron'];
  const name = (row: number) => (row < names.length ? names[row]! : `${names[row % names.length]}_${row}`);
  const all = Array.from({ length: rows }, (_, row) => row);
  return createDataFrame({
    fields: [
      { name: 'Algorithm', type: FieldType.string, values: all.map(name), config: {} },
      { name: 'Score', type: FieldType.number, values: all.map((row) => Number(wave(row * 5, 1).toFixed(3))), config: {} },
      { name: 'Duration', type: FieldType.number, values: all.map((row) => (row === 4 ? null : 0.02 * (row + 1) ** 2)), config: {} },
      { name: 'State', type: FieldType.number, values: all.map((row) => row % 3), config: {} },
      { name: 'Finished', type: FieldType.time, values: all.map((row) => END - row * 311_000), config: {} },
    ],
  });
}

export function logFrame(): DataFrame {
  const lines = [
    ['info', '{"level":"INFO","message":"job succeeded","job_name":"clean_up","elapsed_seconds":0.42}'],
    ['warn', 'level=warn msg="slow query" elapsed=1.2s table=datasets'],
    ['error', '{"level":"ERROR","message":"upload failed","error":"disk full: no space left on device while the chunk 17 of 34 was written to the data folder","request_id":"01HX3K8"}'],
    ['debug', 'heartbeat sent'],
    ['info', 'request finished method=GET route=/api/v1/datasets status=200'],
    ['trace', 'poll'],
  ];
  const rows = Array.from({ length: 30 }, (_, row) => row);
  return createDataFrame({
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map((row) => END - row * 1234), config: {} },
      { name: 'Line', type: FieldType.string, values: rows.map((row) => lines[row % lines.length]![1]), config: {} },
      { name: 'labels', type: FieldType.other, values: rows.map((row) => ({ service: 'belfry', environment: 'dev', level: lines[row % lines.length]![0] })), config: {} },
    ],
  });
}

export function stateFrames(): DataFrame[] {
  return seriesFrames(['database', 'disk_space', 'model_store', 'a_check_with_a_rather_long_name'], (row, series) => (series === 3 && row > 60 && row < 90 ? null : (row + series * 23) % 71 < 9 ? 0 : 1));
}
