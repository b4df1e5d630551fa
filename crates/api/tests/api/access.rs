//! Users, roles, tokens, keys, sessions; DDNS over HTTP.

use access::{Grant, Verb};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::house::{House, PASSWORD};

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()))
}

#[test]
fn who_asks() {
    let house = House::open();
    let refused = house.send("GET", "/api/v1/zones", &[], "").expect(401);
    assert!(refused.header("www-authenticate").contains("Bearer"));
    house.send("GET", "/api/v1/zones", &[("authorization", "Bearer hw_nope_nope")], "").expect(401);
    house.send("GET", "/api/v1/zones", &[("authorization", &basic("admin", "wrong password"))], "").expect(401);
    house.send("GET", "/api/v1/zones", &[("authorization", &basic("admin", PASSWORD))], "").expect(200);
    house.send("GET", "/api/v1/zones", &[("authorization", &basic("admin", &house.token))], "").expect(200);
}

#[test]
fn sessions_are_safe_from_other_sites() {
    let house = House::open();
    let json_type = ("content-type", "application/json");
    let body = json!({"user": "admin", "password": PASSWORD}).to_string();
    let logged_in = house.send("POST", "/api/v1/session", &[json_type], &body).expect(201);
    let cookie = logged_in.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let session = ("cookie", cookie.split(';').next().expect("cookie"));
    let who = house.send("GET", "/api/v1/session", &[session], "").expect(200).json();
    assert_eq!(who["user"], "admin");
    let zone = json!({"name": "example.org"}).to_string();
    house.send("POST", "/api/v1/zones", &[session, ("content-type", "text/plain")], &zone).expect(403);
    house.send("POST", "/api/v1/zones", &[session, json_type, ("sec-fetch-site", "cross-site")], &zone).expect(403);
    house.send("POST", "/api/v1/zones", &[session, json_type], &zone).expect(201);
    house.send("DELETE", "/api/v1/zones/example.org", &[session], "").expect(403);
    house.send("DELETE", "/api/v1/zones/example.org", &[session, ("x-headwater", "1")], "").expect(200);
    house.send("DELETE", "/api/v1/session", &[session, ("x-headwater", "1")], "").expect(204);
    house.send("GET", "/api/v1/session", &[session], "").expect(401);
    // A browser goes on sending the cookie of a session that has ended.
    house.send("GET", "/health", &[session], "").expect(200);
    house.send("POST", "/api/v1/session", &[session, json_type], &body).expect(201);
    let wrong = json!({"user": "admin", "password": "nope nope"}).to_string();
    house.send("POST", "/api/v1/session", &[json_type], &wrong).expect(401);
}

/// Who logs in as `user`: the cookie of the session.
fn log_in(house: &House, user: &str, password: &str) -> String {
    let body = json!({"user": user, "password": password}).to_string();
    let reply = house.send("POST", "/api/v1/session", &[("content-type", "application/json")], &body).expect(201);
    reply.header("set-cookie").split(';').next().expect("cookie").to_owned()
}

#[test]
fn sessions_are_listed_and_ended() {
    let house = House::open();
    let password = "a long password";
    house.call("POST", "/users", json!({"name": "anna", "password": password})).expect(201);
    let (admin, one, other) =
        (log_in(&house, "admin", PASSWORD), log_in(&house, "anna", password), log_in(&house, "anna", password));
    let list = |cookie: &str| {
        let reply = house.send("GET", "/api/v1/sessions", &[("cookie", cookie)], "").expect(200);
        reply.json()["items"].as_array().expect("sessions").clone()
    };
    let end = |cookie: &str, id: &Value| {
        let path = format!("/api/v1/sessions/{}", id.as_str().expect("an id"));
        house.send("DELETE", &path, &[("cookie", cookie), ("x-headwater", "1")], "")
    };
    let (all, own) = (list(&admin), list(&one));
    assert_eq!((all.len(), own.len()), (3, 2), "one sees one's own, who administers access all");
    let this = own.iter().find(|session| session["is_this"] == true).expect("the one that asks");
    assert_eq!((this["user"].as_str(), this["address"].as_str()), (Some("anna"), Some("127.0.0.1")));
    assert!(!one.contains(this["id"].as_str().expect("an id")), "it lets nobody in");
    assert!(this["begun_at_ms"].as_u64() <= this["used_at_ms"].as_u64());
    let of_admin = all.iter().find(|session| session["user"] == "admin").expect("the administrator's");
    end(&one, &of_admin["id"]).expect(404);
    let that = own.iter().find(|session| session["is_this"] == false).expect("the other");
    end(&one, &that["id"]).expect(204);
    house.send("GET", "/api/v1/session", &[("cookie", &other)], "").expect(401);
    end(&admin, &this["id"]).expect(204);
    house.send("GET", "/api/v1/session", &[("cookie", &one)], "").expect(401);
    end(&admin, &this["id"]).expect(404);
    assert_eq!(list(&admin).len(), 1);
}

#[test]
fn changes_of_access_have_a_history() {
    let house = House::open();
    house.call("POST", "/users", json!({"name": "anna", "password": "a long password"})).expect(201);
    house.call("PATCH", "/users/anna", json!({"disabled": true, "roles": ["viewer"]})).expect(200);
    let token = json!({"name": "ci", "owner": "anna", "grants": [{"zones": ["**"], "verbs": ["read"]}]});
    let id = house.call("POST", "/tokens", token).expect(201).json()["id"].as_str().expect("an id").to_owned();
    house.call("DELETE", &format!("/tokens/{id}"), Value::Null).expect(204);
    let page = house.call("GET", "/access/history?limit=3", Value::Null).expect(200).json();
    let said = |change: &Value| {
        let field = |name: &str| change[name].as_str().unwrap_or("").to_owned();
        [field("subject"), field("name"), field("happened"), field("title"), change["fields"].to_string()].join(" ")
    };
    let items: Vec<String> = page["items"].as_array().expect("changes").iter().map(said).collect();
    let expected = [
        format!("token {id} deleted ci []"),
        format!("token {id} created ci []"),
        r#"user anna changed  ["roles","disabled"]"#.to_owned(),
    ];
    assert_eq!(items, expected);
    assert!(page["items"][0]["who"].as_str().is_some_and(|who| who.contains("admin")), "{page}");
    let next = page["next"].as_str().expect("more");
    let rest = house.call("GET", &format!("/access/history?after={next}"), Value::Null).expect(200).json();
    assert_eq!(said(&rest["items"][0]), "user anna created  []");
    assert_eq!(rest["next"], Value::Null);
    house.call("GET", "/access/history?after=x", Value::Null).expect(400);
}

#[test]
fn users_and_roles() {
    let house = House::open();
    let role =
        json!({"name": "team", "description": "one zone", "grants": [{"zones": ["example.org"], "verbs": ["read"]}]});
    house.call("POST", "/roles", role.clone()).expect(201);
    house.call("POST", "/roles", role).expect(409);
    let bad = json!({"name": "x", "grants": [{"zones": ["a..b"], "verbs": ["read"]}]});
    house.call("POST", "/roles", bad).expect(422);
    let user = json!({"name": "anna", "display_name": "Anna", "roles": ["team"], "password": "a long password"});
    let made = house.call("POST", "/users", user).expect(201);
    assert!(!made.text.contains("argon2"), "no hash leaves the house");
    house.call("POST", "/users", json!({"name": "ben", "password": "short"})).expect(422);
    house.call("DELETE", "/roles/team", Value::Null).expect(409);
    let anna = basic("anna", "a long password");
    let anna = ("authorization", anna.as_str());
    let json_type = ("content-type", "application/json");
    house.send("GET", "/api/v1/users", &[anna], "").expect(403);
    house.send("GET", "/api/v1/users/anna", &[anna], "").expect(200);
    house.send("PATCH", "/api/v1/users/anna", &[anna, json_type], "{\"roles\": [\"admin\"]}").expect(403);
    house.send("PATCH", "/api/v1/users/anna", &[anna, json_type], "{\"password\": \"another one\"}").expect(403);
    let change = json!({"password": "another one", "old_password": "a long password"}).to_string();
    house.send("PATCH", "/api/v1/users/anna", &[anna, json_type], &change).expect(200);
    house.send("GET", "/api/v1/users/anna", &[anna], "").expect(401);
    house.call("PATCH", "/users/anna", json!({"disabled": true, "roles": []})).expect(200);
    house.call("PUT", "/roles/team", json!({"description": "two", "grants": []})).expect(200);
    house.call("DELETE", "/roles/team", Value::Null).expect(204);
    house.call("DELETE", "/users/anna", Value::Null).expect(204);
    house.call("DELETE", "/users/admin", Value::Null).expect(409);
    let names = house.call("GET", "/roles?limit=2", Value::Null).expect(200).json();
    assert_eq!((&names["items"][0]["name"], &names["next"]), (&json!("admin"), &json!("editor")));
}

#[test]
fn tokens_are_shown_once() {
    let house = House::open();
    let body = json!({"name": "ci", "owner": "admin", "grants": [{"zones": ["**"], "verbs": ["read"]}]});
    let made = house.call("POST", "/tokens", body).expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let (token, id) = (made.json()["token"].as_str().expect("token").to_owned(), made.json()["id"].clone());
    let path = format!("/tokens/{}", id.as_str().expect("id"));
    assert_eq!(house.call("GET", &path, Value::Null).expect(200).json()["token"], Value::Null);
    house.by(&token, "GET", "/zones", Value::Null).expect(200);
    house.by(&token, "POST", "/zones", json!({"name": "x.org"})).expect(403);
    house.by(&token, "GET", "/tokens", Value::Null).expect(403);
    house.call("DELETE", &path, Value::Null).expect(204);
    house.by(&token, "GET", "/zones", Value::Null).expect(401);
}

#[test]
fn key_secrets_are_shown_once() {
    let house = House::open();
    let made = house.call("POST", "/tsig-keys", json!({"name": "transfer"})).expect(201).json();
    assert_eq!((&made["name"], &made["algorithm"]), (&json!("transfer."), &json!("hmac-sha256")));
    let secret = made["secret"].as_str().expect("secret");
    assert_eq!(BASE64.decode(secret.as_bytes()).expect("base64").len(), 32);
    assert!(!house.call("GET", "/tsig-keys", Value::Null).expect(200).text.contains(secret));
    assert_eq!(house.call("GET", "/tsig-keys/transfer", Value::Null).expect(200).json()["secret"], Value::Null);
    house.call("POST", "/tsig-keys", json!({"name": "transfer"})).expect(409);
    house.call("POST", "/tsig-keys", json!({"name": "x", "algorithm": "hmac-md4"})).expect(422);
    // RFC 8945 6: there for old peers, not to be used where another can be.
    let old = json!({"name": "old", "algorithm": "HMAC-MD5.SIG-ALG.REG.INT."});
    let old = house.call("POST", "/tsig-keys", old).expect(201).json();
    assert_eq!(old["algorithm"], "hmac-md5");
    assert!(old["warning"].as_str().is_some_and(|warning| warning.contains("RFC 8945")), "{old}");
    house.call("POST", "/tsig-keys", json!({"name": "x", "secret": "???"})).expect(422);
    house.call("DELETE", "/tsig-keys/transfer.", Value::Null).expect(204);
}

#[test]
fn dyndns2() {
    let house = House::open();
    house.call("POST", "/zones", json!({"name": "example.org"})).expect(201);
    let grant = Grant {
        zones: vec!["example.org".parse().expect("pattern")],
        names: vec!["router.example.org".parse().expect("pattern")],
        types: vec![dns::RType::A, dns::RType::AAAA],
        ..Grant::of(&[Verb::Update])
    };
    let login = basic("admin", &house.new_token(vec![grant]));
    let update = |query: &str| {
        let reply = house.send("GET", &format!("/nic/update?{query}"), &[("authorization", &login)], "");
        reply.expect(200).text
    };
    assert_eq!(update("hostname=router.example.org&myip=192.0.2.1"), "good 192.0.2.1\n");
    assert_eq!(update("hostname=router.example.org&myip=192.0.2.1"), "nochg 192.0.2.1\n");
    assert_eq!(update("hostname=router.example.org"), "good 127.0.0.1\n");
    assert_eq!(update("hostname=router.example.org&myip=192.0.2.1,2001:db8::1"), "good 192.0.2.1,2001:db8::1\n");
    assert_eq!(
        update("hostname=router.example.org,mail.example.org,x&myip=192.0.2.3"),
        "good 192.0.2.3\nnohost\nnotfqdn\n"
    );
    assert_eq!(update("hostname=router.example.net&myip=192.0.2.1"), "nohost\n");
    assert_eq!(update("hostname="), "notfqdn\n");
    assert_eq!(update(&format!("hostname={}", "a.b,".repeat(21))), "numhost\n");
    let a = house.call("GET", "/zones/example.org/rrsets/router/A", Value::Null).expect(200).json();
    assert_eq!((&a["ttl"], &a["records"]), (&json!(60), &json!([{"address": "192.0.2.3"}])));
    let bad = house.send(
        "GET",
        "/nic/update?hostname=router.example.org",
        &[("authorization", &basic("admin", "bad bad bad"))],
        "",
    );
    assert_eq!(bad.expect(401).text, "badauth\n");
    assert_eq!(house.send("GET", "/nic/update?hostname=router.example.org", &[], "").expect(401).text, "badauth\n");
}
