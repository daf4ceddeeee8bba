// Sizes of one bar, its name and its value.
import { fittingFontSize, textWidth } from '../shared/text-size';

export interface BarLayout {
  title: 'above' | 'left' | 'below' | 'none';
  titleSize: number;
  titleWidth: number;
  titleHeight: number;
  valueSize: number;
  valueWidth: number;
  valueHeight: number;
  /** Room for a full bar. */
  barWidth: number;
  barHeight: number;
}

export interface BarLayoutInput {
  width: number;
  height: number;
  vertical: boolean;
  namePlacement: 'auto' | 'left' | 'top' | 'hidden';
  longestTitle: string;
  longestValue: string;
  showValue: boolean;
  titleSize?: number;
  valueSize?: number;
}

const TITLE_LINE = 1.5;

export function barLayout(input: BarLayoutInput): BarLayout {
  const { width, height, vertical } = input;
  const placement = titlePlacement(input);
  const titleSize = placement === 'none' ? 0 : (input.titleSize ?? (vertical ? 14 : placement === 'above' ? Math.max(11, Math.min(16, (height * 0.35) / TITLE_LINE)) : Math.max(11, Math.min(16, (height * 0.6) / TITLE_LINE))));
  const titleHeight = placement === 'above' || placement === 'below' ? titleSize * TITLE_LINE : 0;
  const titleWidth = placement === 'left' ? Math.min(Math.ceil(textWidth(input.longestTitle, titleSize)) + 16, width * 0.4) : 0;
  if (vertical) {
    const valueHeight = input.showValue ? Math.min(Math.max(height * 0.1, 18), 50) : 0;
    const valueSize = input.valueSize ?? fittingFontSize(input.longestValue, width, valueHeight, { lineHeight: 1.1, max: 40 });
    return { title: placement, titleSize, titleWidth: width, titleHeight, valueSize, valueWidth: width, valueHeight, barWidth: width, barHeight: Math.max(1, height - titleHeight - valueHeight) };
  }
  const barHeight = Math.max(1, height - titleHeight);
  const room = Math.max(50, Math.min(width * 0.25, 150));
  const valueSize = input.valueSize ?? fittingFontSize(input.longestValue, room - 10, barHeight * 0.8, { lineHeight: 1.1, max: 40 });
  const valueWidth = input.showValue ? Math.ceil(textWidth(input.longestValue, valueSize) + 14) : 0;
  return { title: placement, titleSize, titleWidth, titleHeight, valueSize, valueWidth, valueHeight: barHeight, barWidth: Math.max(1, width - titleWidth - valueWidth), barHeight };
}

function titlePlacement(input: BarLayoutInput): BarLayout['title'] {
  if (!input.longestTitle || input.namePlacement === 'hidden') {
    return 'none';
  }
  if (input.vertical) {
    return 'below';
  }
  if (input.namePlacement === 'auto') {
    return input.height > 40 ? 'above' : 'left';
  }
  return input.namePlacement === 'top' ? 'above' : 'left';
}

/** Share of a full bar, 0 to 1. */
export function barShare(value: number, min: number, max: number): number {
  return Number.isFinite(value) && max > min ? Math.max(0, Math.min(1, (value - min) / (max - min))) : 0;
}
