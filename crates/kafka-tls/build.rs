//! Builds AWS-LC's libssl, and puts headers and libraries where the build script of `rdkafka-sys` looks for OpenSSL's.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is said where AWS-LC is not the one that `aws-lc-sys` builds.
const NOT_BUILT: &str = "aws-lc-sys does not say where its headers and its libcrypto are; build it from its own sources \
                         (AWS_LC_SYS_USE_SYSTEM=0)";
/// Names the directory of AWS-LC's sources where they are not in Cargo's home.
const SOURCE_VARIABLE: &str = "HEADWATER_AWS_LC_SOURCE";

/// What `aws-lc-sys` tells.
struct AwsLc {
    /// Version of the crate.
    version: String,
    /// What its symbols begin with.
    prefix: String,
    /// Directory of its headers.
    include: PathBuf,
    /// Its libcrypto.
    crypto: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-env-changed={SOURCE_VARIABLE}");
    let aws_lc = told(env::vars()).ok_or(NOT_BUILT)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (include, lib) = (out.join("include"), out.join("lib"));
    write_headers(&aws_lc, &include.join("openssl"))?;
    let sources = sources(&aws_lc.version)?;
    cc::Build::new()
        .cpp(true)
        // It is written so that it needs nothing of C++'s library in the program.
        .cpp_link_stdlib(None)
        .std("c++14")
        .flags(["-fno-exceptions", "-fno-rtti", "-Wno-unused-parameter"])
        .define("BORINGSSL_IMPLEMENTATION", None)
        .include(&include)
        .files(sources)
        .try_compile("ssl")?;
    // The configure script of librdkafka looks for both by these names.
    fs::create_dir_all(&lib)?;
    fs::copy(out.join("libssl.a"), lib.join("libssl.a"))?;
    fs::copy(&aws_lc.crypto, lib.join("libcrypto.a"))?;
    println!("cargo::metadata=root={}", out.display());
    Ok(())
}

/// What `aws-lc-sys` tells, in variables whose names have its version.
fn told(variables: impl Iterator<Item = (String, String)>) -> Option<AwsLc> {
    let (mut include, mut crypto, mut name, mut version) = (None, None, None, None);
    for (variable, value) in variables {
        let Some(rest) = variable.strip_prefix("DEP_AWS_LC_") else { continue };
        if let Some(number) = rest.strip_suffix("_INCLUDE") {
            version = Some(number.replace('_', "."));
            include = Some(value.into());
        } else if rest.ends_with("_LIBCRYPTO_PATH") {
            crypto = Some(value.into());
        } else if rest.ends_with("_LIBCRYPTO") {
            name = Some(value);
        }
    }
    let prefix = name?.strip_suffix("_crypto")?.to_owned();
    Some(AwsLc { version: version?, prefix, include: include?, crypto: crypto? })
}

/// Writes AWS-LC's headers to `directory`, changed so that who includes them needs to know neither how symbols begin nor
/// that it is not OpenSSL.
fn write_headers(aws_lc: &AwsLc, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    for header in files(&aws_lc.include.join("openssl"))? {
        let Some(name) = header.file_name() else { continue };
        let text = fs::read_to_string(&header)?;
        let text = match name.to_str() {
            Some("base.h") => format!("#define BORINGSSL_PREFIX {}\n{text}", aws_lc.prefix),
            Some("ssl.h") => text + &fs::read_to_string("include/ssl.h")?,
            _ => text,
        };
        fs::write(directory.join(name), text)?;
    }
    Ok(())
}

/// The sources of libssl, without its tests.
fn sources(version: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let directory = source_directory(version)?.join("ssl");
    let mut sources = files(&directory)?;
    sources.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        (name.ends_with(".cc") || name == "ssl_decrepit.c") && !name.ends_with("_test.cc")
    });
    if sources.is_empty() {
        return Err(format!("{} has no sources", directory.display()).into());
    }
    Ok(sources)
}

/// Where Cargo keeps the sources of `aws-lc-sys`.
fn source_directory(version: &str) -> Result<PathBuf, Box<dyn Error>> {
    if let Some(directory) = env::var_os(SOURCE_VARIABLE) {
        return Ok(directory.into());
    }
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir().ok_or("there is no home directory; set CARGO_HOME")?.join(".cargo"),
    };
    let registries = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let mut places = registries.map(|registry| registry.path().join(format!("aws-lc-sys-{version}/aws-lc")));
    places.find(|place| place.is_dir()).ok_or_else(|| {
        let home = home.display();
        format!("no sources of aws-lc-sys {version} below {home}; set {SOURCE_VARIABLE} to its directory `aws-lc`")
            .into()
    })
}

/// The files in a directory, in the order of their names.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
