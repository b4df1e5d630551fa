//! The dashboard: the files of `web/`, which the binary holds. `/` is the page; what it loads stands below `/ui/` and a
//! hash of all files, so that browsers keep it for good and never mix two versions.

mod bare;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use super::etag;
use super::problem::Problem;
use super::state::App;

/// The page itself.
const PAGE: &str = "index.html";
/// What stands in the page for the hash.
const PLACEHOLDER: &str = "{{hash}}";
/// The page loads only from this server, runs only the code in its files, and no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";
/// Bytes of the hash in paths.
const HASH_BYTES: usize = 8;

#[derive(RustEmbed)]
#[folder = "../../web"]
#[exclude = "node_modules/*"]
#[exclude = "shots/*"]
#[exclude = "test/*"]
#[exclude = "tools/*"]
#[exclude = "*.json"]
#[exclude = "*.d.mts"]
#[exclude = "api/types.js"]
#[exclude = ".*"]
struct Embedded;

/// A file as it is sent.
struct Asset {
    content_type: HeaderValue,
    gzip: Bytes,
}

/// All files, compressed once.
struct Dashboard {
    hash: String,
    assets: HashMap<String, Asset>,
}

/// The routes of the dashboard.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/", get(page)).route("/ui/{hash}/{*path}", get(file))
}

/// Compresses all files, so that nobody waits for it later.
pub fn prepare() {
    let _ = dashboard();
}

fn dashboard() -> &'static Dashboard {
    static DASHBOARD: OnceLock<Dashboard> = OnceLock::new();
    DASHBOARD.get_or_init(Dashboard::new)
}

impl Dashboard {
    fn new() -> Dashboard {
        let mut paths: Vec<_> = Embedded::iter().collect();
        paths.sort_unstable();
        let files: Vec<_> = paths.iter().filter_map(|path| Some((path.as_ref(), Embedded::get(path)?))).collect();
        let mut hashed = Vec::new();
        for (path, file) in &files {
            hashed.extend_from_slice(path.as_bytes());
            hashed.extend_from_slice(&file.metadata.sha256_hash());
        }
        let hash = HEXLOWER.encode(&dnssec::digest::sha256(&hashed)[..HASH_BYTES]);
        let sent = |path: &str, data: &[u8]| match path {
            PAGE => String::from_utf8_lossy(data).replace(PLACEHOLDER, &hash).into_bytes(),
            path if is_code(path) => bare::bare(&String::from_utf8_lossy(data)).into_bytes(),
            _ => data.to_vec(),
        };
        let asset = |path: &str, data: &[u8]| Asset {
            content_type: HeaderValue::from_static(content_type(path)),
            gzip: compress(&sent(path, data)),
        };
        let assets = files.iter().map(|(path, file)| ((*path).to_owned(), asset(path, &file.data))).collect();
        Dashboard { hash, assets }
    }
}

async fn page(headers: HeaderMap) -> Result<Response, Problem> {
    let dashboard = dashboard();
    let asset = dashboard.assets.get(PAGE).ok_or_else(|| missing(PAGE))?;
    let mut response = match etag::is_known_text(&headers, &dashboard.hash) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.response(&headers),
    };
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let out = response.headers_mut();
    out.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    out.insert(header::ETAG, etag::of_text(&dashboard.hash));
    Ok(response)
}

/// A file of this version; one of another version is not there, which tells an open page that the server was upgraded.
async fn file(Path((hash, path)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, Problem> {
    let dashboard = dashboard();
    let asset = dashboard.assets.get(&path).filter(|_| hash == dashboard.hash && path != PAGE);
    let mut response = asset.ok_or_else(|| missing(&path))?.response(&headers);
    let for_good = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, for_good);
    Ok(response)
}

fn missing(path: &str) -> Problem {
    Problem::not_found(format!("this version of the dashboard has no file {path}"))
}

impl Asset {
    /// The file, compressed for those who understand that.
    fn response(&self, request: &HeaderMap) -> Response {
        let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let is_gzip = accepted.is_some_and(accepts_gzip);
        let mut response = if is_gzip { self.gzip.clone() } else { inflate(&self.gzip) }.into_response();
        let headers = response.headers_mut();
        if is_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// Whether `Accept-Encoding` names gzip and does not give it the weight 0 (RFC 9110 12.5.3).
fn accepts_gzip(value: &str) -> bool {
    value.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
    })
}

/// Whether it is a script or style sheet.
fn is_code(path: &str) -> bool {
    [".js", ".mjs", ".css"].iter().any(|extension| path.ends_with(extension))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "md" => "text/markdown; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn compress(data: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Memory takes what is written.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default().into()
}

fn inflate(gzip: &[u8]) -> Bytes {
    let mut data = Vec::new();
    // What was compressed here is whole.
    let _ = GzDecoder::new(gzip).read_to_end(&mut data);
    data.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_there_and_nothing_that_is_for_development() {
        let dashboard = dashboard();
        assert_eq!(dashboard.hash.len(), 2 * HASH_BYTES);
        let page = inflate(&dashboard.assets[PAGE].gzip);
        let page = std::str::from_utf8(&page).expect("text");
        assert!(page.contains(&dashboard.hash) && !page.contains(PLACEHOLDER), "{page}");
        let named = page.split('"').filter_map(|word| word.split_once(&format!("ui/{}/", dashboard.hash)));
        let named: Vec<_> = named.map(|(_, path)| path).collect();
        assert!(named.len() > 5 && named.iter().all(|path| dashboard.assets.contains_key(*path)), "{named:?}");
        for path in dashboard.assets.keys() {
            let for_development = ["node_modules/", "test/", "tools/", "shots/", "package"];
            assert!(!for_development.iter().any(|start| path.starts_with(start)), "{path}");
            assert_ne!(content_type(path), "application/octet-stream", "{path}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_accept_it() {
        for accepted in ["gzip", "deflate, GZIP;q=0.5", "br;q=1.0,gzip ; q=1"] {
            assert!(accepts_gzip(accepted), "{accepted}");
        }
        for refused in ["", "identity", "gzip;q=0", "gzip; q=0.0, br", "xgzip"] {
            assert!(!accepts_gzip(refused), "{refused}");
        }
        assert_eq!(inflate(&compress(b"drops and more drops")), &b"drops and more drops"[..]);
    }
}
