// The ids of headings as GitHub makes them, so that a link to a heading of a file leads to the same one here.

/** Lower-case letters, digits, `-` and `_`, with `-` for each space; the second heading of a name ends in `-1`. Nothing for a heading of neither. */
export function headingIds(headings: string[]): string[] {
  const used = new Map<string, number>();
  return headings.map((text) => {
    const id = text.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{Nd}\p{Pc}\- ]/gu, '').replace(/ /g, '-');
    if (id === '') return '';
    const before = used.get(id) ?? 0;
    used.set(id, before + 1);
    return before === 0 ? id : `${id}-${before}`;
  });
}
