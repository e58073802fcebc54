//! The description of the API for tools: OpenAPI 3.1.
//!
//! Statuses, bodies and most headers are those of the answers that the API itself makes; the few headers that are
//! added to answers later are listed by name.

mod answers;

use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Paths, PathsBuilder,
    Ref, Required, SecurityRequirement, Server, Type,
};

use crate::router::{INDEX, OPENAPI, READING, STREAM};
use answers::Answer;

/// The answer to `GET /`.
pub(crate) const WELCOME: &str = "\
WRPI, the Random Price Index: a decimal between 0 and 100, recalculated about once a minute.

GET /v0/wrpi           the latest value and its time of calculation, as JSON
GET /v0/wrpi/stream    the same, and each new value as it comes, as server-sent events
GET /openapi.json      the description of this API

The first two want basic authentication, with any user name.
";
const ABOUT: &str = "\
WRPI, the Random Price Index, is a decimal between 0 and 100 that is recalculated about once a minute.

Every error is JSON with `error`, for people, and `error_code`, for programs. Every answer has the CORS headers, so \
that a page can tell a 401 from a lost connection. HEAD is answered like GET, without the body. What is not HTTP at \
all, or has a head above 16 KiB or 64 headers, gets a bare 400 or 431, and the connection is closed.

Where HTTPS is on, plain HTTP leads to it with 308, but for `/`.";
const PASSWORD: &str = "password";
const TIME_PATTERN: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$";

/// The description, rendered.
pub(crate) fn document() -> String {
    let Ok(document) = api().to_json() else { unreachable!("its keys are strings") };
    document
}

fn api() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some(env!("CARGO_PKG_LICENSE"))).build();
    let info = InfoBuilder::new()
        .title("WRPI")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .paths(paths())
        .components(Some(components()))
        .build()
}

fn paths() -> Paths {
    let request_id = parameter("X-Request-Id", "Sent back, and logged: up to 128 visible ASCII characters.", "7f3a");
    let if_none_match = parameter("If-None-Match", "304 where it lists the current ETag.", answers::ETAG);
    let if_modified_since = parameter("If-Modified-Since", "304 where nothing is newer.", answers::LAST_MODIFIED);
    let last_event_id = parameter("Last-Event-ID", "Of the last event seen: it is not sent again.", answers::ETAG);
    let reading = operation("Reading", "The latest value and its time of calculation").parameters(Some([
        if_none_match,
        if_modified_since,
        request_id.clone(),
    ]));
    let stream = operation("Stream", "The latest reading at once, and each new one as it comes")
        .description(Some(answers::ABOUT_STREAM))
        .parameters(Some([last_event_id, request_id.clone()]));
    let index = operation("Index", "What there is to ask for, as text").parameter(request_id.clone());
    let description = operation("Description", "This description").parameter(request_id);
    PathsBuilder::new()
        .path(READING, path(&secured(reading, &[Answer::Reading, Answer::NotModified])))
        .path(STREAM, path(&secured(stream, &[Answer::Stream])))
        .path(INDEX, path(&open(index, &[Answer::Index])))
        .path(OPENAPI, path(&open(description, &[Answer::Description])))
        .build()
}

fn parameter(name: &str, description: &str, example: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(Object::with_type(Type::String)))
        .example(Some(example.into()))
        .build()
}

fn operation(name: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(format!("get{name}"))).summary(Some(summary))
}

/// An operation that wants the password.
fn secured(operation: OperationBuilder, answers: &[Answer]) -> Operation {
    let operation = operation.security(SecurityRequirement::new(PASSWORD, [""; 0]));
    open(operation, &[answers, &[Answer::Unauthenticated, Answer::Throttled, Answer::NoReading]].concat())
}

fn open(operation: OperationBuilder, answers: &[Answer]) -> Operation {
    let everywhere = [Answer::Redirect, Answer::BadRequest, Answer::NotFound, Answer::MethodNotAllowed];
    let respond =
        |operation: OperationBuilder, answer: &Answer| operation.response(answer.status(), answer.reference());
    answers.iter().chain(&everywhere).fold(operation, respond).build()
}

/// What `get` describes, the same for HEAD, and the preflight.
fn path(get: &Operation) -> PathItem {
    let name = get.operation_id.as_deref().unwrap_or_default().trim_start_matches("get");
    let (mut head, mut item) = (get.clone(), PathItem::new(HttpMethod::Get, get.clone()));
    head.operation_id = Some(format!("head{name}"));
    head.description = None;
    item.head = Some(head);
    item.options = Some(
        OperationBuilder::new()
            .operation_id(Some(format!("preflight{name}")))
            .summary(Some("What a browser asks before it lets a page ask"))
            .response(Answer::Preflight.status(), Answer::Preflight.reference())
            .response(Answer::BadRequest.status(), Answer::BadRequest.reference())
            .build(),
    );
    item
}

fn components() -> Components {
    let mut scheme = Http::new(HttpAuthScheme::Basic);
    scheme.description = Some("Any user name, and the one password.".to_owned());
    let value = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(100));
    let reading = ObjectBuilder::new()
        .property("latest_value", value.description(Some("Exactly the digits that were calculated.")))
        .property("latest_calculation_at", text("In UTC.").pattern(Some(TIME_PATTERN)));
    let data = text("A reading, as JSON.").content_media_type("application/json");
    let event = ObjectBuilder::new()
        .property("event", text("Always this.").enum_values(Some(["wrpi"])))
        .property("id", text("The reading's ETag."))
        .property("data", data.content_schema(Some(Ref::from_schema_name(answers::READING_SCHEMA))));
    let error =
        ObjectBuilder::new().property("error", text("For people.")).property("error_code", text("For programs."));
    let components = ComponentsBuilder::new()
        .security_scheme(PASSWORD, SecurityScheme::Http(scheme))
        .schema(answers::READING_SCHEMA, all_required(reading))
        .schema(answers::EVENT_SCHEMA, all_required(event))
        .schema(answers::ERROR_SCHEMA, all_required(error));
    answers::add(components).build()
}

fn text(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about))
}

fn all_required(object: ObjectBuilder) -> Object {
    let mut object = object.build();
    object.required = object.properties.keys().cloned().collect();
    object
}
