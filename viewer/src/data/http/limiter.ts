// A bounded number of things at once; the rest wait in their order.

export interface Limiter {
  /** Runs `work` when it is its turn. Rejects with the signal's reason if that comes first. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createLimiter(atOnce: number): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];

  function turn(signal: AbortSignal): Promise<void> {
    if (running < atOnce) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(signal.reason as Error);
      };
      waiting.push(start);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    run: async (signal, work) => {
      signal.throwIfAborted();
      await turn(signal);
      try {
        return await work();
      } finally {
        // The next one takes over the place.
        const next = waiting.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}
