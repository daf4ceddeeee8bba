// How searches and filters match.

/** Whether every word of the query stands somewhere in the text, in any case. */
export function matchesWords(text: string, query: string): boolean {
  const lower = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

/** How well a title fits a query, the best first: it is the query, begins with it, holds it, holds its words, holds not all of them. */
export function titleRank(title: string, query: string): number {
  const [lower, wanted] = [title.toLowerCase(), query.trim().toLowerCase()];
  if (lower === wanted) return 0;
  if (lower.startsWith(wanted)) return 1;
  if (lower.includes(wanted)) return 2;
  return matchesWords(title, query) ? 3 : 4;
}
