// Colour scales of heatmaps: the schemes of d3, or one colour whose opacity grows.
import type { GrafanaTheme2 } from '@grafana/data';
import * as d3 from 'd3-scale-chromatic';
import { withAlpha } from '../shared/colors';

export interface ColorOptions {
  mode?: 'scheme' | 'opacity';
  scheme?: string;
  fill?: string;
  scale?: 'exponential' | 'linear';
  exponent?: number;
  steps?: number;
  reverse?: boolean;
  min?: number | null;
  max?: number | null;
}

/** In which theme a scheme runs the other way, so that many always stands out from the background. */
const REVERSED: Record<'always' | 'dark' | 'light', string[]> = {
  always: ['BrBG', 'PiYG', 'PRGn', 'PuOr', 'RdBu', 'RdGy', 'RdYlBu', 'RdYlGn', 'Spectral'],
  dark: ['Blues', 'Greens', 'Greys', 'Oranges', 'Purples', 'Reds', 'BuGn', 'BuPu', 'GnBu', 'OrRd', 'PuBuGn', 'PuBu', 'PuRd', 'RdPu', 'YlGnBu', 'YlGn', 'YlOrBr', 'YlOrRd'],
  light: ['Turbo', 'Cividis', 'Viridis', 'Magma', 'Inferno', 'Plasma', 'Warm', 'Cool', 'CubehelixDefault'],
};
const CYCLICAL = ['Rainbow', 'Sinebow'];
const DEFAULT_SCHEME = 'Oranges';

export const SCHEMES = [...REVERSED.always, ...REVERSED.dark, ...REVERSED.light, ...CYCLICAL];

/** Colours from few to many. */
export function heatmapPalette(options: ColorOptions, theme: GrafanaTheme2): string[] {
  const steps = Math.max(2, Math.min(128, options.steps ?? 64));
  const shares = Array.from({ length: steps }, (_, index) => index / (steps - 1));
  let colors: string[];
  if (options.mode === 'opacity') {
    const fill = theme.visualization.getColorByName(options.fill ?? 'dark-orange');
    const exponent = options.scale === 'linear' ? 1 : (options.exponent ?? 0.5);
    colors = shares.map((share) => withAlpha(fill, share ** exponent));
  } else {
    const name = SCHEMES.includes(options.scheme ?? '') ? options.scheme! : DEFAULT_SCHEME;
    const interpolate = (d3 as unknown as Record<string, (share: number) => string>)[`interpolate${name}`]!;
    colors = shares.map((share) => interpolate(share));
    if (isReversed(name, theme.isDark)) {
      colors.reverse();
    }
  }
  return options.reverse ? colors.reverse() : colors;
}

function isReversed(scheme: string, isDark: boolean): boolean {
  return REVERSED.always.includes(scheme) || REVERSED[isDark ? 'dark' : 'light'].includes(scheme);
}

/** Index into the palette; values beyond the limits have the outermost colours. */
export function paletteIndex(value: number, min: number, max: number, steps: number): number {
  if (max <= min) {
    return steps - 1;
  }
  return Math.max(0, Math.min(steps - 1, Math.floor(((value - min) / (max - min)) * steps)));
}
