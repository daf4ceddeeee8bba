//! Routes that are listed as they are registered, so that who may use each is decided, documented and tested for all of them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};

/// A method of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listed {
    /// The method; what answers `GET` also answers `HEAD`.
    pub method: Method,
    /// The path as it was registered, such as `/api/v1/runs/{id}`.
    pub path: &'static str,
}

/// A router, and what is registered in it.
pub struct Routes<S> {
    router: Router<S>,
    listed: Vec<Listed>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Self {
        Self { router: Router::new(), listed: Vec::new() }
    }

    /// Adds the methods of a path.
    pub fn route(mut self, path: &'static str, endpoint: Endpoint<S>) -> Self {
        let Endpoint { methods, handlers } = endpoint;
        self.listed.extend(methods.into_iter().map(|method| Listed { method, path }));
        Self { router: self.router.route(path, handlers), listed: self.listed }
    }

    /// Adds other routes.
    pub fn merge(mut self, other: Self) -> Self {
        self.listed.extend(other.listed);
        Self { router: self.router.merge(other.router), listed: self.listed }
    }

    /// Changes the router without adding routes: gives it a layer, or its state.
    pub fn map<T>(self, change: impl FnOnce(Router<S>) -> Router<T>) -> Routes<T> {
        Routes { router: change(self.router), listed: self.listed }
    }

    /// What is registered, in that order.
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// The router itself.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

/// The handlers of a path.
pub struct Endpoint<S> {
    methods: Vec<Method>,
    handlers: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    /// Has this handler answer `POST` as well.
    pub fn post<H: Handler<T, S>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push(Method::POST);
        Self { methods: self.methods, handlers: self.handlers.post(handler) }
    }

    /// Has this handler answer `DELETE` as well.
    pub fn delete<H: Handler<T, S>, T: 'static>(mut self, handler: H) -> Self {
        self.methods.push(Method::DELETE);
        Self { methods: self.methods, handlers: self.handlers.delete(handler) }
    }

    /// Gives its handlers another limit of bodies.
    pub fn layer(self, limit: DefaultBodyLimit) -> Self {
        Self { methods: self.methods, handlers: self.handlers.layer(limit) }
    }
}

/// An endpoint whose `GET` and `HEAD` this handler answers.
pub fn get<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> Endpoint<S> {
    Endpoint { methods: vec![Method::GET], handlers: routing::get(handler) }
}

/// An endpoint whose `POST` this handler answers.
pub fn post<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> Endpoint<S> {
    Endpoint { methods: vec![Method::POST], handlers: routing::post(handler) }
}

/// An endpoint whose `DELETE` this handler answers.
pub fn delete<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> Endpoint<S> {
    Endpoint { methods: vec![Method::DELETE], handlers: routing::delete(handler) }
}
