// The data layer: dashboards and what the user chose go in, frames ready to be drawn come out.
export { createDataLayer } from './data-layer';
export { setUpGrafanaData } from './set-up';
