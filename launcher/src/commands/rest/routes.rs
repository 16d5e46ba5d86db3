//! Every path with its methods: what the router takes, and what `/openapi/v3` tells.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use prun_runtime::limits::WEB_BODY_BYTES_MAX;

use super::api::{self, Api};
use super::{accounting, answer, cancel, cluster, entities, jobs, nodes, openapi, submit};

/// A path, with what can be done there.
pub(super) struct Route {
    /// As Slurm's OpenAPI writes it, without the version.
    pub(super) path: &'static str,
    /// One a method.
    pub(super) operations: Vec<Operation>,
}

/// What a method does.
pub(super) struct Operation {
    /// `get`, `post`, `delete`.
    pub(super) method: &'static str,
    /// Its name, as generated clients have it, without the version.
    pub(super) name: &'static str,
    /// In a few words.
    pub(super) summary: &'static str,
    /// Parameters of the query.
    pub(super) query: &'static [&'static str],
    handler: fn() -> MethodRouter<Arc<Api>>,
}

const fn operation(
    method: &'static str,
    name: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    handler: fn() -> MethodRouter<Arc<Api>>,
) -> Operation {
    Operation { method, name, summary, query, handler }
}

const SINCE: &[&str] = &["update_time", "flags"];
const PAST: &[&str] = &[
    "account",
    "end_time",
    "groups",
    "job_name",
    "node",
    "partition",
    "qos",
    "start_time",
    "state",
    "step",
    "users",
    "wckey",
];

/// The controller's part, `/slurm`.
pub(super) fn of_controller() -> Vec<Route> {
    let route = |path, operations| Route { path, operations };
    vec![
        route(
            "/ping/",
            vec![operation("get", "get_ping", "ping the controller", &[], || get(cluster::ping))],
        ),
        route(
            "/diag/",
            vec![operation("get", "get_diag", "jobs by what became of them", &[], || get(cluster::diag))],
        ),
        route(
            "/reconfigure/",
            vec![operation("get", "get_reconfigure", "reconfigure", &[], || get(cluster::reconfigure))],
        ),
        route(
            "/licenses/",
            vec![operation("get", "get_licenses", "licences", &[], || get(cluster::licenses))],
        ),
        route(
            "/shares",
            vec![operation("get", "get_shares", "shares", &["accounts", "users"], || get(cluster::shares))],
        ),
        route(
            "/reservations/",
            vec![operation("get", "get_reservations", "reservations", &["update_time"], || {
                get(cluster::reservations)
            })],
        ),
        route(
            "/reservation/{reservation_name}",
            vec![operation("get", "get_reservation", "a reservation", &["update_time"], || {
                get(cluster::reservation)
            })],
        ),
        route(
            "/job/submit",
            vec![operation("post", "post_job_submit", "submit a job", &[], || post(submit::submit))],
        ),
        route(
            "/jobs/",
            vec![
                operation("get", "get_jobs", "jobs of the queue", SINCE, || get(jobs::list)),
                operation("delete", "delete_jobs", "end or signal jobs", &[], || delete(cancel::several)),
            ],
        ),
        route(
            "/jobs/state/",
            vec![operation("get", "get_jobs_state", "states of jobs", &["job_id"], || get(jobs::states))],
        ),
        route(
            "/job/{job_id}",
            vec![
                operation("get", "get_job", "a job", SINCE, || get(jobs::one)),
                operation("post", "post_job", "change a job", &[], || post(jobs::update)),
                operation("delete", "delete_job", "end or signal a job", &["signal", "flags"], || {
                    delete(cancel::one)
                }),
            ],
        ),
        route(
            "/nodes/",
            vec![
                operation("get", "get_nodes", "nodes", SINCE, || get(nodes::list)),
                operation("post", "post_nodes", "change nodes", &[], || post(nodes::update_several)),
            ],
        ),
        route(
            "/node/{node_name}",
            vec![
                operation("get", "get_node", "a node", SINCE, || get(nodes::one)),
                operation("post", "post_node", "change a node", &[], || post(nodes::update)),
            ],
        ),
        route(
            "/partitions/",
            vec![operation("get", "get_partitions", "partitions", SINCE, || get(nodes::partitions))],
        ),
        route(
            "/partition/{partition_name}",
            vec![operation("get", "get_partition", "a partition", SINCE, || get(nodes::partition))],
        ),
    ]
}

/// Accounting's part, `/slurmdb`.
pub(super) fn of_accounting() -> Vec<Route> {
    let route = |path, name, summary, query, handler| Route {
        path,
        operations: vec![operation("get", name, summary, query, handler)],
    };
    vec![
        route("/jobs/", "get_jobs", "jobs, those of the past too", PAST, || get(accounting::list)),
        route("/job/{job_id}", "get_job", "a job, of the past too", &[], || get(accounting::one)),
        route("/accounts/", "get_accounts", "accounts", &[], || get(entities::accounts)),
        route("/account/{account_name}", "get_account", "an account", &[], || get(entities::one_account)),
        route("/users/", "get_users", "users", &[], || get(entities::users)),
        route("/user/{name}", "get_user", "a user", &[], || get(entities::one_user)),
        route("/associations/", "get_associations", "associations", &[], || get(entities::associations)),
        route("/association/", "get_association", "associations", &[], || get(entities::associations)),
        route("/clusters/", "get_clusters", "the cluster", &[], || get(entities::clusters)),
        route("/cluster/{cluster_name}", "get_cluster", "the cluster", &[], || get(entities::one_cluster)),
        route("/qos/", "get_qos", "qualities of service", &[], || get(entities::qualities)),
        route("/qos/{qos}", "get_single_qos", "a quality of service", &[], || get(entities::one_quality)),
        route("/tres/", "get_tres", "trackable resources", &[], || get(entities::resources)),
        route("/wckeys/", "get_wckeys", "keys of jobs", &[], || get(entities::wckeys)),
        route("/instances/", "get_instances", "instances", &[], || get(entities::instances)),
        route("/instance/", "get_instance", "instances", &[], || get(entities::instances)),
        route("/config", "get_config", "all of accounting", &[], || get(entities::config)),
        route("/diag/", "get_diag", "accounting's own numbers", &[], || get(entities::diag)),
        route("/ping/", "get_ping", "ping accounting", &[], || get(entities::ping)),
    ]
}

/// All that the server answers.
pub(super) fn router(api: Arc<Api>) -> Router {
    let mut router = Router::new();
    for (prefix, routes) in [("/slurm/v0.0.42", of_controller()), ("/slurmdb/v0.0.42", of_accounting())] {
        for route in routes {
            let methods = route.operations.iter().map(|operation| (operation.handler)());
            let Some(methods) = methods.reduce(MethodRouter::merge) else { continue };
            let path = format!("{prefix}{}", route.path.trim_end_matches('/'));
            // Clients write it with a slash at the end, people without.
            router = router.route(&path, methods.clone()).route(&format!("{path}/"), methods);
        }
    }
    for path in ["/openapi", "/openapi/", "/openapi/v3", "/openapi/v3/", "/openapi.json"] {
        router = router.route(path, get(openapi::document));
    }
    router
        .fallback(api::unknown)
        .method_not_allowed_fallback(api::unknown)
        .layer(DefaultBodyLimit::max(WEB_BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&api), answer::complete))
        .layer(from_fn_with_state(Arc::clone(&api), api::admit))
        .with_state(api)
}
