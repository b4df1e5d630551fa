//! A receiver of webhooks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Takes webhooks on a port of 127.0.0.1; gives back the port, and the bodies as they come.
pub fn receiver() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = bodies.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            let (mut head, mut out) = (String::new(), stream);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let length =
                head.to_lowercase().split("content-length: ").nth(1).and_then(|it| it.lines().next()?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).expect("the body");
            taken.lock().expect("no panic").push(String::from_utf8_lossy(&body).into_owned());
            let _ = out.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    (port, bodies)
}
