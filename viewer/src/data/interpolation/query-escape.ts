// Values of variables inside PromQL and LogQL: text between double quotes, and where several values are possible, a regular expression.
// Source: Grafana documentation, "Prometheus template variables": the values of multi-value variables are joined with | and escaped.

export interface Escaped {
  value: string | string[];
  /** The variable may have several values, or All: it stands in `=~"$x"`. */
  several: boolean;
}

/** `a.b` -> `a.b` for a single-value variable, `a\\.b` where several are possible, `(a\\.b|c)` for several. */
export function escapeForQuery({ value, several }: Escaped): string {
  if (!several) return (Array.isArray(value) ? value : [value]).map(escapeText).join(',');
  if (!Array.isArray(value)) return escapeRegexInText(value);
  const escaped = value.map(escapeRegexInText);
  // All of nothing: only series without the label match, as nothing does.
  if (escaped.length === 0) return '';
  return escaped.length === 1 ? escaped[0]! : `(${escaped.join('|')})`;
}

function escapeText(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

/** A backslash is read twice: once by the text, once by the regular expression. */
function escapeRegexInText(value: string): string {
  return value
    .replaceAll('\\', '\\\\\\\\')
    .replaceAll('"', '\\"')
    .replace(/[$^*{}[\]+?.()|]/g, '\\\\$&');
}
