// Variables that stand for nothing because their values could not be read: a query without them would ask for other data.
import type { VariableState } from '../contract';
import { all } from '../interpolation/variable-value';

/** The first of the named ones that failed and has neither a chosen value nor a custom text for All. */
export function unreadVariable(names: ReadonlySet<string>, variables: VariableState[]): VariableState | undefined {
  return variables.find(({ definition, chosen, error }) => {
    if (error === undefined || !names.has(definition.name)) return false;
    return chosen.length === 0 || (chosen.includes(all) && !definition.allValue);
  });
}
