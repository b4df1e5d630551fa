//! The history of queries: what a search finds beside the plainest way to find it, and what damage, a full disk, a crash
//! and an odd clock do to it.

mod damage;
mod rows;
mod search;
