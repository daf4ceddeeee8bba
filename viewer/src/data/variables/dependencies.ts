// The order in which variables can be read: each after those that its query, regex or datasource names.
import type { Variable } from '../../dashboard';

/** Names of other variables in the parts of a variable that are filled in. */
export function referencedNames(variable: Variable, names: ReadonlySet<string>): Set<string> {
  const texts = [variable.query, variable.regex, variable.datasource, variable.definition, variable.allValue, variable.auto_min].map((part) => (typeof part === 'string' ? part : JSON.stringify(part ?? '')));
  return namesIn(texts.join('\n'), names);
}

/** Of these names, those that a text writes as `$x`, `${x…}` or `[[x]]`. */
export function namesIn(text: string, names: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  for (const match of text.matchAll(/\$(\w+)|\[\[(\w+)(?::\w+)?\]\]|\$\{(\w+)/g)) {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    if (names.has(name)) found.add(name);
  }
  return found;
}

/** The variables that are read anew when this one changes, over others too. */
export function dependentNames(variables: Variable[], changed: string): Set<string> {
  const names = new Set(variables.map(({ name }) => name));
  const found = new Set([changed]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const variable of variables) {
      if ([...referencedNames(variable, names)].some((name) => found.has(name))) found.add(variable.name);
    }
  }
  found.delete(changed);
  return found;
}

export interface ResolutionOrder {
  /** Groups: the variables of one need only those of the groups before it. */
  groups: Variable[][];
  /** Variables that need themselves, over others or at once, or one of those: name to the names on its way round. */
  cyclic: Map<string, string[]>;
}

export function resolutionOrder(variables: Variable[]): ResolutionOrder {
  const names = new Set(variables.map(({ name }) => name));
  const waiting = new Map(variables.map((variable) => [variable.name, { variable, needs: referencedNames(variable, names) }]));
  const groups: Variable[][] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ needs }) => [...needs].every((name) => !waiting.has(name)));
    if (ready.length === 0) break;
    groups.push(ready.map(({ variable }) => variable));
    for (const { variable } of ready) waiting.delete(variable.name);
  }
  const cyclic = new Map<string, string[]>();
  for (const name of waiting.keys()) cyclic.set(name, wayRound(name, (one) => [...(waiting.get(one)?.needs ?? [])].filter((other) => waiting.has(other))));
  return { groups, cyclic };
}

/** Follows the first unread need until a name comes again. */
function wayRound(start: string, needs: (name: string) => string[]): string[] {
  const way = [start];
  for (;;) {
    const next = needs(way[way.length - 1]!)[0];
    if (next === undefined) return way;
    way.push(next);
    if (way.indexOf(next) < way.length - 1) return way;
  }
}
