// Durations in words.

/** Two units at most: `1h 5m`, `45s`. */
export function durationText(milliseconds: number): string {
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ];
  const parts: string[] = [];
  let rest = Math.round(milliseconds / 1000) * 1000;
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) {
      parts.push(`${count}${name}`);
    }
    rest -= count * size;
  }
  return parts.join(' ') || '0s';
}
