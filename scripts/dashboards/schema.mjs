// The schema that Grafana publishes as types in @grafana/schema, as a validator of files.
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';
import { fileURLToPath } from 'node:url';

import { panelsOf } from './files.mjs';

/** Panel types whose options have no published schema. */
const UNPUBLISHED = ['row', 'alertlist'];

/** Keys that Grafana reads and the published types lack. Each is a path without indices, ending in the key. */
const UNLISTED = [
  // Annotations of Prometheus, as its plugin reads them.
  ...['expr', 'step', 'titleFormat', 'textFormat', 'tagKeys', 'useValueForTime'].map((key) => `annotations.list.${key}`),
  // What Grafana itself writes of a variable that is a query.
  'templating.list.definition',
];

/**
 * A function from a dashboard to its faults, as sentences that name the place; its `v2` does that for a specification of V2.
 *
 * The types are compiled each time, so that the schema is the installed package's, whatever its version.
 */
export function createValidator() {
  const path = fileURLToPath(new URL('schema-types.ts', import.meta.url));
  // The packages' types need no check, and what they do not list is a fault.
  const options = { path, type: '*', skipTypeCheck: true, additionalProperties: false, expose: 'all', jsDoc: 'none' };
  const generator = createGenerator(options);
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true });
  const schemas = new Map();
  const validator = (type) => {
    // A schema of its own for each type, because several types of the package have the same name.
    if (!schemas.has(type)) schemas.set(type, ajv.compile(generator.createSchema(type)));
    return schemas.get(type);
  };
  const faults = (type, value, place) => {
    const validate = validator(type);
    validate(value);
    return (validate.errors ?? []).filter((error) => !isAccepted(type, error)).map((error) => sentence(error, place));
  };
  const validate = (name, dashboard) => [
    ...faults('ClassicDashboard', dashboard, `dashboards/${name}.json`),
    ...panelsOf(name, dashboard).flatMap(({ panel, place }) => ofPanel(panel, place, faults)),
  ];
  validate.v2 = (spec, place) => faults('V2Dashboard', spec, place);
  return validate;
}

function ofPanel(panel, place, faults) {
  if (UNPUBLISHED.includes(panel.type)) return [];
  const type = panel.type.replace('-', '');
  const custom = panel.fieldConfig?.defaults?.custom;
  return [
    ...faults(`${type}Options`, panel.options, `${place}, options`),
    ...(custom ? faults(`${type}Custom`, custom, `${place}, fieldConfig.defaults.custom`) : []),
  ];
}

function isAccepted(type, error) {
  const path = error.instancePath.split('/').filter((part) => part && !/^\d+$/.test(part));
  const key = error.params.additionalProperty;
  // An option that a panel leaves out has Grafana's default.
  if (error.keyword === 'required') return !type.endsWith('Dashboard');
  if (error.keyword === 'additionalProperties') return UNLISTED.includes([...path, key].join('.'));
  return false;
}

function sentence(error, place) {
  const found = JSON.stringify(error.data)?.slice(0, 80);
  const expected = error.params.additionalProperty ?? error.params.allowedValues ?? '';
  return `${place}${error.instancePath}: ${error.message} ${expected}, found ${found}`;
}
