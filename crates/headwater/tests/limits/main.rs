//! Limits of a running server, asked from many addresses of the loopback network: how much a client may ask, how many
//! equal answers go to a network, beside other servers, how much time a client may take over TCP, and how many questions
//! there may be that others must be asked about.

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod misses;
mod peers;
mod responses;
mod site;
mod work;
