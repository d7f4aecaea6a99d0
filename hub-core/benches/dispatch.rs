//! What a call of a hub costs between its name and its reply: a look into the spec, arguments read, the method, its result
//! serialised. The server looks names up in a table of its own, which `hub-server/benches/ring.rs` has in it.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use hub_core::{Args, Context, Hub, HubError, hub};
use support::context;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

struct Bench;

#[hub]
impl Bench {
    fn nothing(&self) {}

    fn echo(&self, m: String) -> String {
        m
    }

    async fn echo_later(&self, m: String) -> String {
        m
    }

    async fn tell(&self, cx: &Context, room: String, m: String) -> Result<(), HubError> {
        Ok(cx.clients().group(room).send("message", (&m,)).await?)
    }
}

fn place(name: &str, arguments: usize) -> usize {
    let mut methods = Bench.spec().methods.iter();
    let found = methods
        .position(|method| method.name.eq_ignore_ascii_case(name) && method.takes(arguments));
    found.unwrap()
}

#[divan::bench(args = ["nothing", "tell"])]
fn find_a_method(name: &str) -> usize {
    place(black_box(name), if name == "tell" { 2 } else { 0 })
}

/// Arguments are parsed with the call, so that is no part of it. `tell` goes as far as the door to the server.
#[divan::bench(args = ["nothing", "echo", "echoLater", "tell"])]
fn call_a_method(bencher: Bencher<'_, '_>, name: &str) {
    let outlet = Arc::default();
    let cx = context(&outlet);
    let text = match name {
        "nothing" => "[]",
        "tell" => r#"["lobby","abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"]"#,
        _ => r#"["abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"]"#,
    };
    let text = Bytes::from_static(text.as_bytes());
    bencher
        .with_inputs(|| {
            outlet.events.lock().unwrap().clear();
            Args::parse(text.clone()).unwrap()
        })
        .bench_local_values(|args| {
            let method = place(black_box(name), args.len());
            pollster::block_on(Bench.call(&cx, method, args)).unwrap()
        });
}
