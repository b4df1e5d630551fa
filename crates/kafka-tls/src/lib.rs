//! TLS for Kafka's client (librdkafka), which takes it from OpenSSL alone: AWS-LC's libssl, which has the same functions.
//! `build.rs` compiles it from the sources that `aws-lc-sys` brings along, against the libcrypto that `aws-lc-sys` has
//! built. So the program has one library of cryptography, and its build needs nothing that `build-essential` lacks.
//!
//! There is nothing to call here: `rdkafka-sys` finds headers and libraries by what the build script tells it.
#![no_std]

extern crate aws_lc_sys as _;
