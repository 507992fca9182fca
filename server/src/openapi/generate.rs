//! Generates the OpenAPI document from the types of requests and answers.
//!
//! `UPDATE_GOLDEN=1 cargo test -p server` rewrites `docs/openapi.json`.

use oncall::engine::IncidentAction;
use runtime::notify::requests::answers::{
    AuditLog, IncidentList, IncidentView, NotificationChanged, NotificationList,
    RenderedNotification, RouteAnswer, SilenceCreated, SilenceExpired, SilenceList, SilencePreview,
    StatusView, TestResult,
};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::types::answers::ErrorAnswer;
use crate::types::requests::{
    ActionBody, RenderBody, RouteBody, SilenceBody, SilencePreviewBody, TestBody,
};

type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

/// One operation of the API.
pub(crate) struct ApiOperation {
    pub(crate) path: &'static str,
    pub(crate) method: &'static str,
    summary: &'static str,
    answer: SchemaFn,
    body: Option<SchemaFn>,
    /// Errors beside those that every operation may answer.
    errors: &'static [&'static str],
}

/// Operation that reads.
const fn read<A: JsonSchema>(path: &'static str, summary: &'static str) -> ApiOperation {
    let answer = SchemaGenerator::subschema_for::<A>;
    ApiOperation { path, method: "get", summary, answer, body: None, errors: &[] }
}

/// Operation with a body.
const fn post<B: JsonSchema, A: JsonSchema>(
    path: &'static str,
    summary: &'static str,
    errors: &'static [&'static str],
) -> ApiOperation {
    let body: SchemaFn = SchemaGenerator::subschema_for::<B>;
    let answer = SchemaGenerator::subschema_for::<A>;
    ApiOperation { path, method: "post", summary, answer, body: Some(body), errors }
}

pub(crate) const OPERATIONS: [ApiOperation; 14] = [
    read::<StatusView>("/api/v1/status", "Counts of incidents, silences and deliveries"),
    read::<IncidentList>("/api/v1/incidents", "Incidents, the next deadline first"),
    ApiOperation {
        errors: &["404"],
        ..read::<IncidentView>("/api/v1/incidents/{id}", "One incident")
    },
    post::<ActionBody, IncidentView>(
        "/api/v1/incidents/{id}/{action}",
        "Act on an incident: the incident afterwards; scope act",
        &["404", "409"],
    ),
    read::<SilenceList>("/api/v1/silences", "All silences, ended ones included for a while"),
    post::<SilenceBody, SilenceCreated>(
        "/api/v1/silences",
        "Create a silence: its number, and what it matches; scope admin",
        &["409"],
    ),
    post::<SilencePreviewBody, SilencePreview>(
        "/api/v1/silences/preview",
        "Incidents that a silence would match",
        &[],
    ),
    post::<ActionBody, SilenceExpired>(
        "/api/v1/silences/{id}/expire",
        "End a silence; scope admin",
        &["404"],
    ),
    read::<NotificationList>("/api/v1/notifications", "Pending and dropped notifications"),
    post::<TestBody, TestResult>(
        "/api/v1/notifications/test",
        "Send a receiver a test, a firing and a resolved notification; scope admin",
        &[],
    ),
    post::<RenderBody, RenderedNotification>(
        "/api/v1/notifications/preview",
        "Text of a notification as a receiver would get it, secrets left out",
        &["404"],
    ),
    post::<ActionBody, NotificationChanged>(
        "/api/v1/notifications/{number}/{action}",
        "Retry a dropped notification, or forget it; scope admin",
        &["404"],
    ),
    post::<RouteBody, RouteAnswer>("/api/v1/route", "Receivers of a sample alert", &[]),
    read::<AuditLog>("/api/v1/audit", "Actions of people, the newest first"),
];

/// Errors that every operation may answer.
const COMMON_ERRORS: [&str; 4] = ["400", "401", "403", "503"];

/// Status, name and meaning of each error.
const ERRORS: [(&str, &str, &str); 6] = [
    ("400", "Invalid", "The request makes no sense as it is written"),
    ("401", "Unauthorized", "No known token"),
    ("403", "Forbidden", "Not in the scope of the token, or from a web page"),
    ("404", "NotFound", "There is no such thing"),
    ("409", "Conflict", "The state of the thing does not allow it"),
    ("503", "Unavailable", "The service is starting or stopping, or gave no answer in time"),
];

/// Names that stand for an action on an incident.
const ACTIONS: [&str; 9] =
    ["ack", "assign", "note", "escalate", "mitigate", "cause", "fix", "resolve", "close"];

/// Schemas of what is read and of what is written: a member that may be missing in a body is
/// always there in an answer.
struct SchemaSets {
    bodies: SchemaGenerator,
    answers: SchemaGenerator,
}

impl SchemaSets {
    fn new() -> SchemaSets {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        SchemaSets {
            bodies: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
        }
    }

    fn definitions(&mut self) -> Map<String, Value> {
        let bodies = self.bodies.take_definitions(true);
        let mut all = self.answers.take_definitions(true);
        for (name, schema) in bodies {
            let known = all.insert(name, schema);
            assert_eq!(known, None, "a body and an answer have one name");
        }
        all
    }
}

/// The document as text.
pub(crate) fn document() -> String {
    let mut schemas = SchemaSets::new();
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method] = described(operation, &mut schemas);
    }
    let error = schemas.answers.subschema_for::<ErrorAnswer>();
    let responses: Map<String, Value> = ERRORS
        .iter()
        .map(|(_, name, meaning)| ((*name).to_owned(), response(meaning, &error)))
        .collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hansho on call",
            "version": "1",
            "description": "Incidents, silences and notifications of a running hansho. A bearer \
                token names the sender and its scope: read, act or admin. Without a configured \
                token only a loopback address is served.",
        },
        "servers": [{ "url": "http://127.0.0.1:9464" }],
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas.definitions(),
            "responses": responses,
        },
    });
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

fn described(operation: &ApiOperation, schemas: &mut SchemaSets) -> Value {
    let answer = (operation.answer)(&mut schemas.answers);
    let mut responses = json!({ "200": response("Answer", &answer) });
    for status in COMMON_ERRORS.iter().chain(operation.errors) {
        let (_, name, _) = ERRORS.iter().find(|(known, ..)| known == status).unwrap();
        responses[status] = json!({ "$ref": format!("#/components/responses/{name}") });
    }
    let mut described = json!({ "summary": operation.summary, "responses": responses });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        let body = body(&mut schemas.bodies);
        let required =
            body.as_value()["$ref"].as_str().is_none_or(|of| !of.ends_with("ActionBody"));
        described["requestBody"] =
            json!({ "required": required, "content": { "application/json": { "schema": body } } });
    }
    described
}

fn response(meaning: &str, schema: &Schema) -> Value {
    json!({ "description": meaning, "content": { "application/json": { "schema": schema } } })
}

/// Parameters of the path, and the one query there is.
fn parameters(operation: &ApiOperation) -> Vec<Value> {
    let of_path = operation
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{'))
        .filter_map(|part| part.strip_suffix('}'));
    let mut parameters: Vec<Value> = of_path
        .map(|name| {
            let schema = parameter_schema(operation.path, name);
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    if operation.path == "/api/v1/incidents" {
        parameters.push(json!({
            "name": "state",
            "in": "query",
            "required": false,
            "description": "States separated by commas: firing, acknowledged, resolved, closed; \
                without it all but closed",
            "schema": { "type": "string" },
        }));
    }
    parameters
}

fn parameter_schema(path: &str, name: &str) -> Value {
    match name {
        "action" if path.contains("incidents") => json!({ "type": "string", "enum": ACTIONS }),
        "action" => json!({ "type": "string", "enum": ["retry", "drop"] }),
        "id" if path.contains("incidents") => json!({
            "type": "string",
            "description": "32 hexadecimal digits, or the first four or more",
        }),
        _ => json!({ "type": "integer", "minimum": 0 }),
    }
}

#[test]
fn every_documented_action_is_one() {
    for name in ACTIONS {
        assert!(IncidentAction::from_name(name, String::new()).is_some(), "{name}");
    }
}
