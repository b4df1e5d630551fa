//! Searching zones and records, and the page that browsers get.

use serde_json::{Value, json};

use super::house::House;

/// The names of all items of a list, page by page.
fn names(house: &House, path: &str) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = house.call("GET", &format!("{path}{after}"), Value::Null).expect(200).json();
        let items = page["items"].as_array().expect("items");
        names.extend(items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return names,
        }
    }
}

#[test]
fn zones_are_found_by_name_kind_and_state() {
    let house = House::open();
    for name in ["shop.example", "workshop.example", "bücher.example", "other.example"] {
        house.call("POST", "/zones", json!({"name": name})).expect(201);
    }
    let secondary = json!({"name": "copy.example", "kind": "secondary", "primaries": ["192.0.2.1"]});
    house.call("POST", "/zones", secondary).expect(201);
    assert_eq!(names(&house, "/zones?contains=SHOP"), ["shop.example.", "workshop.example."]);
    assert_eq!(names(&house, "/zones?limit=1&contains=shop"), ["shop.example.", "workshop.example."]);
    assert_eq!(names(&house, "/zones?contains=b%C3%BCch"), ["xn--bcher-kva.example."]);
    assert_eq!(names(&house, "/zones?kind=secondary"), ["copy.example."]);
    assert_eq!(names(&house, "/zones?state=waiting"), ["copy.example."]);
    assert_eq!(names(&house, "/zones?state=serving&contains=o&kind=primary").len(), 3);
    assert!(names(&house, "/zones?contains=nothing").is_empty());
    let long = "x".repeat(300);
    house.call("GET", &format!("/zones?contains={long}"), Value::Null).expect(400);
    house.call("GET", "/zones?state=strange", Value::Null).expect(400);
}

#[test]
fn records_are_found_by_name_data_and_ttl() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    for (owner, rtype, ttl, data) in [
        ("www", "A", 60, "192.0.2.7"),
        ("mail", "A", 3600, "192.0.2.70"),
        ("_dmarc", "TXT", 300, "\"v=DMARC1; p=none\""),
    ] {
        let body = json!({"ttl": ttl, "records": [data]});
        house.call("PUT", &format!("/zones/example.org/rrsets/{owner}/{rtype}"), body).expect(200);
    }
    let found = |query: &str| names(&house, &format!("/zones/example.org/rrsets?{query}"));
    assert_eq!(found("contains=192.0.2.7"), ["mail.example.org.", "www.example.org."]);
    assert_eq!(found("limit=1&contains=192.0.2.7"), ["mail.example.org.", "www.example.org."]);
    assert_eq!(found("contains=dmarc1"), ["_dmarc.example.org."]);
    assert_eq!(found("contains=WWW."), ["www.example.org."]);
    assert_eq!(found("ttl_max=300&type=A"), ["www.example.org."]);
    assert_eq!(found("ttl_min=61&ttl_max=300"), ["_dmarc.example.org."]);
}

#[test]
fn browsers_get_the_dashboard() {
    let house = House::open();
    let page = house.send("GET", "/", &[], "").expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let text = page.text;
    let script = text.split('"').find(|word| word.starts_with("ui/") && word.ends_with("/app.js")).expect("a script");
    let file = house.send("GET", &format!("/{script}"), &[], "").expect(200);
    assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
    assert!(file.header("cache-control").contains("immutable"));
    house.send("GET", "/ui/0123456789abcdef/app.js", &[], "").expect(404);
    house.send("GET", &format!("/{}", script.replace("app.js", "index.html")), &[], "").expect(404);
}
