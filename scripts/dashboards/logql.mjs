// The LogQL of dashboards, read by the grammar that Grafana's own editor uses.
import { parser } from '@grafana/lezer-logql';

import { panelsOf } from './files.mjs';

/** What stands for Grafana's variables in a query, so that it is LogQL. */
const VARIABLES = { __auto: '1m', __interval: '1m', __range: '1h' };

/** `{place, expr}` of every Loki query, variables filled in. */
export function logQueriesOf(name, dashboard) {
  return panelsOf(name, dashboard).flatMap(({ panel, place }) =>
    (panel.targets ?? [])
      .filter((target) => (target.datasource ?? panel.datasource)?.type === 'loki')
      .map((target) => ({ place: `${place}, query ${target.refId}`, expr: filledIn(target.expr) })),
  );
}

function filledIn(template) {
  return template.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (_, name) => VARIABLES[name] ?? 'value');
}

/** Where the text is no LogQL; nothing if it is. */
export function mistakesOf(expr) {
  const mistakes = [];
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.type.isError) mistakes.push(`no LogQL at character ${node.from}: ${expr.slice(node.from, node.from + 30)}`);
    },
  });
  return mistakes;
}

/** The labels of streams that an expression selects by, and the names that it uses of what it takes out of lines. */
export function namesOf(expr) {
  const labels = new Set();
  const fields = new Set();
  const text = (node) => expr.slice(node.from, node.to);
  parser.parse(expr).iterate({
    enter: (cursor) => {
      if (cursor.name !== 'Identifier') return;
      const name = text(cursor);
      const parents = [];
      for (let node = cursor.node.parent; node; node = node.parent) parents.push(node.name);
      if (parents.includes('Selector')) labels.add(name);
      else fields.add(name);
    },
  });
  return { labels: [...labels], fields: [...fields] };
}

/** The faults of a dashboard's queries, as sentences that name the place. */
export function faultsOf(name, dashboard, known) {
  return logQueriesOf(name, dashboard).flatMap(({ place, expr }) => {
    const { labels, fields } = namesOf(expr);
    return [
      ...mistakesOf(expr),
      ...labels.filter((label) => !known.labels.includes(label)).map((label) => `no stream has the label ${label}`),
      // A label of the stream can be grouped by as well.
      ...fields
        .filter((field) => ![...known.fields, ...known.labels].includes(field))
        .map((field) => `no line has the field ${field}`),
    ].map((fault) => `${place}: ${fault}`);
  });
}
