// Which series a reader has hidden: a click isolates one, a click with Ctrl or Cmd toggles one.

/** Names of hidden series after a click on `name`. */
export function hiddenAfterClick(names: string[], hidden: ReadonlySet<string>, name: string, toggle: boolean): Set<string> {
  if (toggle) {
    const next = new Set(hidden);
    if (!next.delete(name)) {
      next.add(name);
    }
    return next;
  }
  const others = names.filter((other) => other !== name);
  const isIsolated = !hidden.has(name) && others.every((other) => hidden.has(other));
  // A click on the only series shown brings all back.
  return isIsolated ? new Set() : new Set(others);
}
