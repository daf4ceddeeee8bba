// What is chosen of a variable, as a text and after a click.
import type { VariableState } from '../../data/contract';

export const allValue = '$__all';

export function valueText({ chosen, options }: VariableState): string {
  if (chosen.length === 0 || (chosen.length === 1 && chosen[0] === '')) return 'None';
  const names = chosen.map((value) => (value === allValue ? 'All' : (options.find((option) => option.value === value)?.text ?? value)));
  return names.length > 3 ? `${names.slice(0, 2).join(' + ')} + ${names.length - 2} more` : names.join(' + ');
}

/** Values after a click on one: All stands alone, and the last one goes back to All or stays. */
export function toggleValue(chosen: string[], value: string, includeAll: boolean): string[] {
  if (value === allValue) return [allValue];
  const without = chosen.filter((other) => other !== allValue);
  const next = without.includes(value) ? without.filter((other) => other !== value) : [...without, value];
  return next.length > 0 ? next : includeAll ? [allValue] : [value];
}
