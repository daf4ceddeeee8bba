// What Grafana assumes where a panel's JSON says nothing. Smaller defaults stand where an option is read.
import type { Panel } from '../../dashboard';

type Options = Record<string, unknown>;

const LEGEND = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };
const TOOLTIP = { mode: 'single', sort: 'none' };
const REDUCED = { reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' } };

const DEFAULTS: Record<string, Options> = {
  barchart: { legend: LEGEND, tooltip: TOOLTIP },
  bargauge: REDUCED,
  gauge: { ...REDUCED, showThresholdMarkers: true },
  piechart: { ...REDUCED, legend: { ...LEGEND, values: ['percent'] }, tooltip: TOOLTIP },
  stat: REDUCED,
  'state-timeline': { legend: LEGEND, tooltip: TOOLTIP },
  'status-history': { legend: LEGEND, tooltip: TOOLTIP },
  timeseries: { legend: LEGEND, tooltip: TOOLTIP },
};

/** A panel that has options and field options, whatever its JSON leaves out. */
export function completePanel(panel: Panel): Panel {
  const given = panel as Omit<Panel, 'options' | 'fieldConfig'> & { options?: Options | null; fieldConfig?: Partial<Panel['fieldConfig']> | null };
  const defaults = Object.hasOwn(DEFAULTS, panel.type) ? DEFAULTS[panel.type]! : {};
  return {
    ...panel,
    options: filledIn(given.options ?? {}, defaults),
    fieldConfig: { ...given.fieldConfig, defaults: given.fieldConfig?.defaults ?? {}, overrides: given.fieldConfig?.overrides ?? [] },
  };
}

/** Lists are taken as they are, objects part by part. */
function filledIn(given: Options, defaults: Options): Options {
  const result: Options = { ...defaults, ...given };
  for (const [name, value] of Object.entries(defaults)) {
    const own = given[name];
    if (own === undefined || own === null) {
      result[name] = value;
    } else if (isObject(own) && isObject(value)) {
      result[name] = filledIn(own, value);
    }
  }
  return result;
}

function isObject(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
