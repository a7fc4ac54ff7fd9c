//! The Rust module of the seeds bench. In goes any input; `echo` gives it
//! back, `greet` reads JSON and answers with JSON. It must keep nothing from
//! call to call.

use extism_pdk::*;
use serde_json::{Value, json};

#[plugin_fn]
pub fn echo(input: Vec<u8>) -> FnResult<Vec<u8>> {
    Ok(input)
}

#[plugin_fn]
pub fn greet(Json(input): Json<Value>) -> FnResult<Json<Value>> {
    let name = input["name"].as_str().unwrap_or("nobody");
    Ok(Json(json!({ "greeting": format!("Hello, {name}!") })))
}
