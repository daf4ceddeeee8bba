// The dashboards of the repository, and a list of their panels.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}dashboards/`;

/** Each dashboard by its file's name, without `.json`. */
export const dashboards = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name.replace(/\.json$/, ''), JSON.parse(readFileSync(folder + name, 'utf8'))]),
);

/** `{place, panel}` of every panel, those within folded rows included. */
export function panelsOf(name, dashboard) {
  const within = (panels) => panels.flatMap((panel) => [panel, ...within(panel.panels ?? [])]);
  return within(dashboard.panels).map((panel) => ({
    panel,
    place: `dashboards/${name}.json, panel ${panel.id} ${JSON.stringify(panel.title)}`,
  }));
}
