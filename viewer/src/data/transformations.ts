// Transformations: those that @grafana/data has run; those that only Grafana itself has are named.
import {
  type DataFrame,
  type DataTransformerConfig,
  type DataTransformerInfo,
  type InterpolateFunction,
  standardTransformers,
  transformDataFrame,
  type TransformerRegistryItem,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { Panel } from '../dashboard';

const transformers = new Map<string, DataTransformerInfo>(
  Object.values(standardTransformers).map((transformer) => [transformer.id, transformer as DataTransformerInfo]),
);
// The older name of joinByField.
transformers.set('seriesToColumns', standardTransformers.seriesToColumnsTransformer as DataTransformerInfo);

/** What `standardTransformersRegistry` holds. */
export function transformerItems(): TransformerRegistryItem[] {
  return [...transformers].map(([id, info]) => ({
    id,
    name: info.name,
    transformation: () => Promise.resolve(info),
    editor: () => null,
    imageDark: '',
    imageLight: '',
  }));
}

function isEnabled(config: DataTransformerConfig): boolean {
  return !config.disabled && (config.topic === undefined || config.topic === 'series');
}

/** Runs a panel's transformations in their order; those that are not known are left out, see `unsupportedTransformations`. */
export async function transformFrames(panel: Panel, frames: DataFrame[], interpolate: InterpolateFunction): Promise<DataFrame[]> {
  const enabled = (panel.transformations ?? []).filter((config) => isEnabled(config) && transformers.has(config.id));
  if (enabled.length === 0) return frames;
  return lastValueFrom(transformDataFrame(enabled, frames, { interpolate }));
}

/** In words for the reader. */
export function unsupportedTransformations(panel: Panel): string[] {
  const found = new Set<string>();
  for (const config of panel.transformations ?? []) {
    if (config.disabled) continue;
    if (!transformers.has(config.id)) found.add(`transformation ${config.id}`);
    else if (!isEnabled(config)) found.add(`transformation ${config.id} of ${config.topic}`);
  }
  return [...found];
}
