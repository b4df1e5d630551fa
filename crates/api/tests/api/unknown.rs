//! What no operation has is refused by every operation, instead of being passed over: the class of requests that
//! say something and have something else done. The description is the list of operations.

use serde_json::{Map, Value, json};

use crate::house::House;

/// A name that nothing has.
const NOTHING: &str = "no_such_field";

/// Every operation: method, path with values in it, and its description.
fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().expect("paths") {
        let path = path.replace("{zone}", "example.org").replace("{name}", "www").replace("{type}", "A");
        let path = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>();
        for (method, operation) in item.as_object().expect("operations") {
            all.push((method.to_uppercase(), path.join("/"), operation.clone()));
        }
    }
    assert!(all.len() > 40, "{}", all.len());
    all
}

/// Bodies that say [`NOTHING`], once at each place where a body of this schema has an object.
fn bodies(api: &Value, schema: &Value) -> Vec<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        return bodies(api, &api["components"]["schemas"][name]);
    }
    for part in schema["oneOf"].as_array().or(schema["allOf"].as_array()).into_iter().flatten() {
        let found = bodies(api, part);
        if !found.is_empty() {
            return found;
        }
    }
    if schema["items"].is_object() {
        return bodies(api, &schema["items"]).into_iter().map(|item| json!([item])).collect();
    }
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let mut found = vec![json!({ NOTHING: 1 })];
    for (name, property) in properties {
        let below = bodies(api, property).into_iter();
        found.extend(below.map(|value| Value::Object(Map::from_iter([(name.clone(), value)]))));
    }
    found
}

#[test]
fn unknown_fields_of_bodies() {
    let (house, api) = (House::open(), serde_json::from_str::<Value>(&api::openapi_json()).expect("JSON"));
    let mut tried = 0;
    for (method, path, operation) in operations(&api) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        for body in bodies(&api, schema) {
            let reply = house.call(&method, &path, body.clone()).expect(422).json();
            let pointer = reply["errors"][0]["pointer"].as_str().unwrap_or_default();
            assert!(pointer.ends_with(NOTHING), "{method} {path} {body}: {reply}");
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn unknown_parameters() {
    let (house, api) = (House::open(), serde_json::from_str::<Value>(&api::openapi_json()).expect("JSON"));
    for (method, path, operation) in operations(&api) {
        let body = if operation["requestBody"].is_object() { json!({}) } else { Value::Null };
        let reply = house.call(&method, &format!("{path}?{NOTHING}=1"), body).expect(400).json();
        assert!(reply["detail"].as_str().is_some_and(|detail| detail.contains(NOTHING)), "{method} {path}: {reply}");
    }
}

#[test]
fn bodies_where_there_are_none() {
    let (house, api) = (House::open(), serde_json::from_str::<Value>(&api::openapi_json()).expect("JSON"));
    let mut tried = 0;
    for (method, path, operation) in operations(&api) {
        if method != "GET" && operation["requestBody"].is_null() {
            house.call(&method, &path, json!({"name": "x"})).expect(422);
            tried += 1;
        }
    }
    assert!(tried > 8, "{tried}");
}
