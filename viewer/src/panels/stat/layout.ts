// Where name, value and sparkline of one stat stand, and how large they are.
import { fittingFontSize } from '../shared/text-size';

export interface StatLayout {
  /** Wide: name and value beside each other. */
  wide: boolean;
  padding: number;
  titleSize: number;
  valueSize: number;
  /** Pixels, 0 without a sparkline. */
  chartHeight: number;
}

export interface StatLayoutInput {
  width: number;
  height: number;
  /** The longest of all stats in the panel, so that all have the same size. Empty: none. */
  title: string;
  value: string;
  hasSparkline: boolean;
  percentChange: boolean;
  titleSize?: number;
  valueSize?: number;
  wideLayout?: boolean;
}

const LINE_HEIGHT = 1.2;
const MAX_TITLE_SIZE = 30;
export const VALUE_WEIGHT = 500;

export function statLayout(input: StatLayoutInput): StatLayout {
  const { width, height } = input;
  const padding = height > 100 ? 12 : 8;
  const textWidth = width - 2 * padding;
  const textHeight = height - 2 * padding;
  const wide = width / height > 2.5 && input.wideLayout !== false;
  const hasChart = input.hasSparkline && height > (wide ? 50 : 100);
  const value = (box: { width: number; height: number }) =>
    input.valueSize ?? (input.value ? fittingFontSize(input.value, box.width, box.height, { lineHeight: LINE_HEIGHT, weight: VALUE_WEIGHT }) : 0);
  const title = (box: { width: number; height: number }) =>
    input.titleSize ?? (input.title ? fittingFontSize(input.title, box.width, box.height, { lineHeight: LINE_HEIGHT, max: MAX_TITLE_SIZE }) : 0);

  if (wide) {
    const share = hasChart ? { value: 0.4, title: 0.6 } : { value: input.title ? 0.3 : 1, title: 0.6 };
    const valueSize = value({ width: textWidth * share.value, height: textHeight * (hasChart ? 0.5 : 1) });
    const titleSize = title({ width: textWidth * share.title, height: textHeight * (hasChart ? 0.4 : 1) });
    return { wide, padding, valueSize, titleSize: smallerThan(valueSize, titleSize, input), chartHeight: hasChart ? height * 0.5 : 0 };
  }
  const titleRoom = title({ width: textWidth, height: height * 0.15 });
  const change = input.percentChange ? 18 : 0;
  const valueSize = value({
    width: textWidth,
    height: textHeight - (hasChart ? height * 0.25 : 0) - titleRoom * LINE_HEIGHT - change,
  });
  const titleSize = smallerThan(valueSize, titleRoom, input);
  // The chart takes what the text leaves.
  const chartHeight = hasChart ? Math.max(0, height - padding - (titleSize + valueSize) * LINE_HEIGHT - change) : 0;
  return { wide, padding, valueSize, titleSize, chartHeight };
}

function smallerThan(valueSize: number, titleSize: number, input: StatLayoutInput): number {
  return input.titleSize ?? (input.value ? Math.min(valueSize * 0.7, titleSize) : titleSize);
}
