// @grafana/data starts with empty registries: what overrides may set and which transformations run is registered here.
import { type GrafanaConfig, locationUtil, standardFieldConfigEditorRegistry, standardTransformersRegistry } from '@grafana/data';
import { standardFieldOptions } from './field-options';
import { transformerItems } from './transformations';

let done = false;

/** Fills the registries of @grafana/data. Called once, before anything is drawn; later calls do nothing. */
export function setUpGrafanaData(): void {
  if (done) return;
  done = true;
  standardFieldConfigEditorRegistry.setInit(standardFieldOptions);
  standardTransformersRegistry.setInit(transformerItems);
  // The library's own check of links decodes them, so that `%26` in a value becomes `&`: `field-options.ts` checks instead.
  const config = { appSubUrl: '', appUrl: '', disableSanitizeHtml: true } as GrafanaConfig;
  locationUtil.initialize({ config, getVariablesUrlParams: () => ({}), getTimeRangeForUrl: () => ({ from: '', to: '' }) });
}
