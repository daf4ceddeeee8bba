// The cursor that all graphs of a dashboard share, or that each keeps for itself.
import type { CursorBus } from '../../panels/contract';

export function createCursorBus(): CursorBus {
  const listeners = new Map<object, Set<(time: number | undefined) => void>>();
  return {
    publish: (source, time) => {
      for (const [owner, set] of listeners) {
        if (owner !== source) for (const listener of set) listener(time);
      }
    },
    subscribe: (source, listener) => {
      const set = listeners.get(source) ?? new Set();
      listeners.set(source, set);
      set.add(listener);
      return () => {
        set.delete(listener);
        if (set.size === 0) listeners.delete(source);
      };
    },
  };
}

/** For dashboards whose graphs do not share the cursor (`graphTooltip` 0). */
export function createSilentCursorBus(): CursorBus {
  return { publish: () => undefined, subscribe: () => () => undefined };
}
