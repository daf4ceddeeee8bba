// Colours that Grafana derives from a value's colour.
import { colorManipulator, type GrafanaTheme2 } from '@grafana/data';
import tinycolor from 'tinycolor2';

/** `transparent` by name, or any colour without opacity: such a colour stays what it is. */
export function isTransparent(color: string): boolean {
  return color === 'transparent' || tinycolor(color).getAlpha() === 0;
}

export function withAlpha(color: string, alpha: number): string {
  return isTransparent(color) ? color : colorManipulator.alpha(color, Math.max(0, Math.min(1, alpha)));
}

const DARK_TEXT = 'rgb(31, 31, 32)';
const LIGHT_TEXT = 'rgb(247, 248, 250)';
/** Contrast that WCAG 2.2 asks of text, and of text of at least 24 pixels (success criterion 1.4.3). */
const TEXT_CONTRAST = 4.5;
const LARGE_TEXT_CONTRAST = 3;
const LARGE_TEXT = 24;

/** Dark text only on bright colours: brightness above 180 by the YIQ formula of the W3C, as Grafana decides. */
export function textOn(background: string): string {
  const color = tinycolor(background);
  return color.getAlpha() > 0.3 && color.getBrightness() > 180 ? DARK_TEXT : LIGHT_TEXT;
}

/** As `textOn`, but small text on one plain colour: another text colour where this one could hardly be read. */
export function smallTextOn(background: string): string {
  const usual = textOn(background);
  const choices = [usual, usual === DARK_TEXT ? LIGHT_TEXT : DARK_TEXT, '#ffffff', '#000000'];
  return choices.find((color) => tinycolor.readability(color, background) >= TEXT_CONTRAST) ?? usual;
}

/** A value's colour as text on the panel: darker in the light theme (or brighter in the dark one) where it could hardly be read. */
export function readableText(color: string, size: number, theme: GrafanaTheme2): string {
  if (isTransparent(color)) {
    return theme.colors.text.primary;
  }
  const background = theme.colors.background.primary;
  const enough = size >= LARGE_TEXT ? LARGE_TEXT_CONTRAST : TEXT_CONTRAST;
  const result = tinycolor(color);
  for (let step = 0; step < 30 && tinycolor.readability(result, background) < enough; step++) {
    if (theme.isDark) {
      result.lighten(3);
    } else {
      result.darken(3);
    }
  }
  return tinycolor.equals(result, color) ? color : result.toRgbString();
}

/** The gradient behind a stat in the colour mode "background". */
export function backgroundGradient(color: string, theme: GrafanaTheme2): string {
  const factor = theme.isDark ? 1 : -0.7;
  const from = tinycolor(color).darken(15 * factor).spin(8).toRgbString();
  const to = tinycolor(color).darken(5 * factor).spin(-8).toRgbString();
  return `linear-gradient(120deg, ${from}, ${to})`;
}

export function brighter(color: string, amount: number): string {
  return tinycolor(color).brighten(amount).toRgbString();
}

/** The two ends of a hue gradient: bottom and top. */
export function hueNeighbours(color: string, opacity: number, theme: GrafanaTheme2): [string, string] {
  const bottom = tinycolor(color).spin(-15);
  const top = tinycolor(color).spin(15).lighten(10);
  return [(theme.isDark ? bottom.darken(10) : bottom).setAlpha(opacity).toRgbString(), top.setAlpha(opacity).toRgbString()];
}
