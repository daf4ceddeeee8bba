// Names the options of a panel that a kind of panel does not honour, so that nothing is left out silently.
import type { Panel } from '../../dashboard';

/**
 * Paths below `options` or `fieldConfig.*.custom` that a kind honours. `true`: every value; a list: only these values.
 * `a.*` stands for everything below `a`.
 */
export type Honoured = Record<string, true | unknown[]>;

/** Values that mean "nothing asked for" whatever the option is. */
function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}

function isHonoured(path: string, value: unknown, honoured: Honoured): boolean {
  const rule = honoured[path] ?? wildcard(path, honoured);
  return rule === true || (Array.isArray(rule) && rule.includes(value)) || (rule === undefined && isUnset(value));
}

function wildcard(path: string, honoured: Honoured): true | unknown[] | undefined {
  const parts = path.split('.');
  for (let length = parts.length - 1; length > 0; length--) {
    const rule = honoured[`${parts.slice(0, length).join('.')}.*`];
    if (rule !== undefined) {
      return rule;
    }
  }
  return undefined;
}

function leaves(value: unknown, path: string, visit: (path: string, value: unknown) => void): void {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) {
      leaves(inner, path ? `${path}.${key}` : key, visit);
    }
  } else {
    visit(path, value);
  }
}

function describe(what: string, path: string, value: unknown): string {
  const shown = typeof value === 'object' || value === true ? '' : ` "${String(value)}"`;
  return `${what} ${path}${shown}`;
}

/** In words for the reader: `option legend.isVisible`, `field option lineStyle.fill "square"`. */
export function unsupportedOptions(panel: Panel, options: Honoured, custom: Honoured): string[] {
  const found = new Set<string>();
  const check = (what: string, honoured: Honoured) => (path: string, value: unknown) => {
    if (!isHonoured(path, value, honoured)) {
      found.add(describe(what, path, value));
    }
  };
  leaves(panel.options ?? {}, '', check('option', options));
  leaves(panel.fieldConfig?.defaults?.custom ?? {}, '', check('field option', custom));
  for (const override of panel.fieldConfig?.overrides ?? []) {
    for (const property of override.properties) {
      if (property.id.startsWith('custom.')) {
        leaves(property.value, property.id.slice('custom.'.length), check('field option', custom));
      }
    }
  }
  return [...found];
}

/** Options that many kinds of panel honour alike. */
export const REDUCE_OPTIONS: Honoured = {
  'reduceOptions.*': true,
  'text.titleSize': true,
  'text.valueSize': true,
};

export const LEGEND_OPTIONS: Honoured = {
  'legend.calcs': true,
  'legend.displayMode': ['list', 'table', 'hidden'],
  'legend.placement': ['bottom', 'right'],
  'legend.showLegend': true,
  'legend.sortBy': true,
  'legend.sortDesc': true,
  'legend.width': true,
  'legend.asTable': true,
};

export const TOOLTIP_OPTIONS: Honoured = {
  'tooltip.mode': ['single', 'multi', 'none'],
  'tooltip.sort': ['none', 'asc', 'desc'],
  'tooltip.hideZeros': true,
  'tooltip.maxHeight': true,
  'tooltip.maxWidth': true,
};
