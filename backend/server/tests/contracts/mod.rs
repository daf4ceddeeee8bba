//! What files promise each other: the catalogue, dashboards and rules, the pages for readers, `.env.example`. None of these
//! tests starts a server.

mod catalogue;
mod dashboards;
mod docs;
mod env_example;
mod layers;
pub(crate) mod monitoring;
mod stop_grace;
mod test_names;
