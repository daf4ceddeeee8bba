// Field options: the defaults of a panel, its overrides, and which of them @grafana/data would skip silently.
import {
  applyFieldOverrides,
  booleanOverrideProcessor,
  type DataLinkPostProcessor,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  type DataFrame,
  type Field,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  fieldMatchers,
  FieldType,
  type GrafanaTheme2,
  identityOverrideProcessor,
  type InterpolateFunction,
  numberOverrideProcessor,
  stringOverrideProcessor,
  ThresholdsMode,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';
import type { Panel } from '../dashboard';

type Processor = FieldConfigPropertyItem['process'];

const isNumber = (field: Field): boolean => field.type === FieldType.number;

/** Editors are components of Grafana's settings pages; nothing here draws them. */
const noEditor = (): null => null;

function option(id: string, process: Processor, more: Partial<FieldConfigPropertyItem> = {}): FieldConfigPropertyItem {
  return { id, path: id, name: id, editor: noEditor, override: noEditor, process, shouldApply: () => true, ...more };
}

/** The options that every kind of panel shares, processed as Grafana does. `actions` is missing: it is named as unsupported. */
export function standardFieldOptions(): FieldConfigPropertyItem[] {
  const expand = { settings: { expandTemplateVars: true } };
  return [
    option('displayName', displayNameOverrideProcessor, expand),
    option('description', stringOverrideProcessor, expand),
    option('unit', unitOverrideProcessor),
    option('min', numberOverrideProcessor, { shouldApply: isNumber }),
    option('max', numberOverrideProcessor, { shouldApply: isNumber }),
    option('fieldMinMax', booleanOverrideProcessor, { shouldApply: isNumber }),
    option('decimals', numberOverrideProcessor, { shouldApply: isNumber }),
    option('thresholds', thresholdsOverrideProcessor, { shouldApply: isNumber }),
    option('mappings', valueMappingsOverrideProcessor),
    option('noValue', stringOverrideProcessor, expand),
    option('links', dataLinksOverrideProcessor),
    option('color', identityOverrideProcessor),
    option('filterable', booleanOverrideProcessor),
  ];
}

const standardIds = new Set(standardFieldOptions().map(({ id }) => id));

/** `path` is below `custom`; the value is copied, because overrides write into it. */
function customOption(path: string): FieldConfigPropertyItem {
  return option(`custom.${path}`, (value) => structuredClone(value), { path, isCustom: true });
}

/** The shared options and every `custom.…` that this panel sets: what a kind does not draw, the kind itself names. */
function registryFor(config: FieldConfigSource): FieldConfigOptionsRegistry {
  const paths = new Set(Object.keys(config.defaults.custom ?? {}));
  for (const { properties } of config.overrides) {
    for (const { id } of properties) if (id.startsWith('custom.')) paths.add(id.slice('custom.'.length));
  }
  return new FieldConfigOptionsRegistry(() => [...standardFieldOptions(), ...[...paths].map(customOption)]);
}

/** JSON has no -Infinity: the lowest threshold is stored as null. */
function withLowestThreshold(thresholds: unknown): void {
  const lowest = (thresholds as { steps?: { value: number | null }[] } | undefined)?.steps?.[0];
  if (lowest && (lowest.value === null || lowest.value === undefined)) lowest.value = -Infinity;
}

/** Kinds of panels whose series Grafana colours by a palette unless told otherwise; others follow the thresholds. */
const colouredByPalette = new Set(['timeseries', 'barchart', 'piechart']);

/** What Grafana assumes where the file says nothing. */
function standardDefaults(type: string): FieldConfigSource['defaults'] {
  return {
    color: { mode: colouredByPalette.has(type) ? 'palette-classic' : type === 'state-timeline' ? 'continuous-GrYlRd' : 'thresholds' },
    thresholds: { mode: ThresholdsMode.Absolute, steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] },
  };
}

/** A copy in the form that @grafana/data expects, whatever the dashboard leaves out. */
function completeFieldConfig(panel: Panel): FieldConfigSource {
  const config = structuredClone({ defaults: { ...standardDefaults(panel.type), ...panel.fieldConfig?.defaults }, overrides: panel.fieldConfig?.overrides ?? [] });
  withLowestThreshold(config.defaults.thresholds);
  for (const { properties } of config.overrides) {
    for (const { id, value } of properties) if (id === 'thresholds') withLowestThreshold(value);
  }
  return config;
}

/** Defaults, then rules in the order of the file; the last wins. Sets `config`, `display`, `getLinks` and `state` of every field. */
export function applyFieldOptions(panel: Panel, frames: DataFrame[], theme: GrafanaTheme2, timeZone: string, replaceVariables: InterpolateFunction): DataFrame[] {
  const fieldConfig = completeFieldConfig(panel);
  const fieldConfigRegistry = registryFor(fieldConfig);
  return applyFieldOverrides({ data: frames, fieldConfig, fieldConfigRegistry, replaceVariables, theme, timeZone, dataLinkPostProcessor: harmlessLink });
}

const linkProtocols = new Set(['http:', 'https:']);

/** Labels may stand in a link: an address that a browser would run leads nowhere. */
const harmlessLink: DataLinkPostProcessor = ({ linkModel }) => {
  try {
    if (linkProtocols.has(new URL(linkModel.href, 'http://localhost').protocol)) return linkModel;
  } catch {
    // Falls through.
  }
  return { ...linkModel, href: 'about:blank' };
};

/** Field options and override rules that would be skipped, in words for the reader. */
export function unsupportedFieldOptions(panel: Panel): string[] {
  const found = new Set<string>();
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  for (const [id, value] of Object.entries(defaults)) {
    const empty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    if (id !== 'custom' && !standardIds.has(id) && !empty) found.add(`field option ${id}`);
  }
  for (const { matcher, properties } of overrides) {
    if (!fieldMatchers.getIfExists(matcher.id)) found.add(`override rule ${matcher.id}`);
    for (const { id } of properties) {
      if (!standardIds.has(id) && !id.startsWith('custom.')) found.add(`override of ${id}`);
    }
  }
  return [...found];
}
