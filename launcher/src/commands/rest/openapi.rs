//! `GET /openapi/v3`: which paths there are, as OpenAPI 3 tells it, with the names that Slurm's own description gives them.
//! Records are described there, not here: a client is generated from that, or taken as it is.

use axum::Json;
use serde_json::{Map, Value, json};

use super::routes::{Operation, Route, of_accounting, of_controller};

/// The description.
pub(super) async fn document() -> Json<Value> {
    let mut paths = Map::new();
    for (tag, routes) in [("slurm", of_controller()), ("slurmdb", of_accounting())] {
        for route in routes {
            let operations =
                route.operations.iter().map(|one| (one.method.to_owned(), described(tag, &route, one)));
            paths.insert(format!("/{tag}/v0.0.42{}", route.path), Value::Object(operations.collect()));
        }
    }
    Json(json!({
        "openapi": "3.0.3",
        "info": { "title": "Slurm REST API", "description": "as prun answers it", "version": "Slurm-24.11.5" },
        "servers": [{ "url": "/" }],
        "security": [{ "user": [], "token": [] }, { "token": [] }, { "bearerAuth": [] }, {}],
        "paths": paths,
        "components": { "securitySchemes": {
            "user": { "type": "apiKey", "in": "header", "name": "X-SLURM-USER-NAME" },
            "token": { "type": "apiKey", "in": "header", "name": "X-SLURM-USER-TOKEN" },
            "bearerAuth": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        }},
    }))
}

fn described(tag: &str, route: &Route, operation: &Operation) -> Value {
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "string" } });
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = in_path
        .map(|name| parameter(name, "path"))
        .chain(operation.query.iter().map(|name| parameter(name, "query")))
        .collect();
    let any = json!({ "application/json": { "schema": { "type": "object" } } });
    let mut described = json!({
        "tags": [tag], "summary": operation.summary, "operationId": format!("{tag}_v0042_{}", operation.name),
        "parameters": parameters,
        "responses": { "200": { "description": operation.summary, "content": any },
                       "default": { "description": "why not", "content": any } },
    });
    if operation.method == "post" || operation.name == "delete_jobs" {
        described["requestBody"] = json!({ "required": true, "content": any });
    }
    described
}
