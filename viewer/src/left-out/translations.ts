// Stands for @grafana/i18n in the bundle: the viewer speaks English, which is what @grafana/data passes along as the default.

interface Values {
  count?: number;
  defaultValue_one?: string;
  defaultValue_other?: string;
  [name: string]: unknown;
}

/** The default text, in singular or plural where a count is given, with `{{name}}` filled in. */
export function t(_id: string, text: string, values: Values = {}): string {
  const chosen = (values.count === 1 ? values.defaultValue_one : values.defaultValue_other) ?? text;
  return chosen.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(values[name] ?? ''));
}
