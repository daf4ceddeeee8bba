//! What files promise each other: the catalogue, dashboards and rules, the pages for readers, `.env.example`. None of these
//! tests starts our server; those of `alertmanager` start Alertmanager.

mod alertmanager;
mod alerts;
mod catalogue;
mod dashboards;
mod docs;
mod env_example;
mod layers;
pub(crate) mod monitoring;
mod slo;
mod stop_grace;
mod switches;
mod test_names;
