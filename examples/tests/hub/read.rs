//! What people read: results, events and figures as text, and what is wrong with a command line.

use crate::{Running, lines, run, served};

const TRANSPORTS: [&str; 3] = ["webSockets", "serverSentEvents", "longPolling"];

fn said(output: &std::process::Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn results_are_texts_or_values_after_their_progress() {
    let (_server, url) = served(&[]);
    let text = |method: &[&str]| {
        let output = run(&[&["call", &url, "conformance"], method].concat());
        assert!(output.status.success(), "{output:?}");
        assert_eq!(said(&output), "");
        lines(&output)
    };
    assert_eq!(text(&["Add", "2", "3"]), ["5"]);
    let progress = text(&["Progress", "3"]);
    assert_eq!(progress[..3], ["... 0", "... 1", "... 2"]);
    assert_eq!(progress.len(), 4);
    assert!(!progress[3].starts_with('"'), "{progress:?}");
    assert_eq!(text(&["Broadcast", "x"]), ["null"]);
}

#[test]
fn events_are_printed_as_calls_on_every_transport() {
    let (_server, url) = served(&[]);
    for transport in TRANSPORTS {
        let mut listener = Running::start(&[
            "listen",
            &url,
            "conformance",
            "--call",
            "Broadcast \"grüße \"",
            "--count",
            "1",
            "--transport",
            transport,
        ]);
        let note = listener.note();
        let id = note.strip_prefix("connected as ").unwrap();
        let id = id.strip_suffix(&format!(" over {transport}")).unwrap();
        let event = format!("conformance.message(\"{id}\", \"grüße \")");
        assert_eq!(listener.line(), event);
        assert!(listener.process.wait().unwrap().success());
    }
}

#[test]
fn a_call_before_listening_that_fails_ends_it() {
    let (_server, url) = served(&[]);
    let call = "ThrowHub \"sorry\" {}";
    let output = run(&["listen", &url, "conformance", "--call", call]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).ends_with("error: sorry\n"), "{output:?}");
}

#[test]
fn figures_are_one_line_on_every_transport_and_none_is_a_failure() {
    let (_server, url) = served(&[]);
    for transport in TRANSPORTS {
        let few = [
            "--clients",
            "2",
            "--seconds",
            "0.2",
            "--transport",
            transport,
        ];
        let call = ["bench", &url, "conformance", "Add", "1", "2"];
        let output = run(&[&call[..], &few].concat());
        assert!(output.status.success(), "{output:?}");
        let text = lines(&output).concat();
        let (calls, rest) = text.split_once(" calls, ").unwrap();
        assert!(calls.parse::<u32>().unwrap() > 0, "{text}");
        let (rate, shares) = rest.split_once(" a second; ").unwrap();
        assert!(rate.parse::<u32>().unwrap() > 0, "{text}");
        let shares: Vec<&str> = shares.split(", ").collect();
        for (share, name) in shares
            .iter()
            .zip(["p50 ", "p90 ", "p99 ", "p99.9 ", "max "])
        {
            assert!(share.starts_with(name) && share.ends_with(" ms"), "{text}");
        }
    }
    let fails = ["bench", &url, "conformance", "ThrowHub", "sorry", "{}"];
    let output = run(&[&fails[..], &["--seconds", "0.1"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(" times: sorry\n"), "{output:?}");
    assert!(
        said(&output).ends_with("error: no call had a result\n"),
        "{output:?}"
    );
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_why_and_does_nothing() {
    // Whoever is asked anything there does not answer.
    let url = "http://127.0.0.1:1/signalr";
    let call = ["call", url, "chat", "join"];
    let listen = ["listen", url, "chat"];
    let bench = ["bench", url, "chat", "join"];
    for (line, more, says) in [
        (&[][..], &[][..], "Usage: hub"),
        (&["ring"], &[], "unrecognized subcommand 'ring'"),
        (&["call", url, "chat"], &[], "<METHOD>"),
        (&["listen", url], &[], "<HUBS>"),
        (
            &call,
            &["--transport", "pigeon"],
            "serverSentEvents, longPolling",
        ),
        (
            &call,
            &["--timeout", "soon"],
            "write it as seconds, such as `1.5`",
        ),
        (
            &call,
            &["--timeout=-1"],
            "write it as seconds, such as `1.5`",
        ),
        (&call, &["--header", "x"], "write it as `Name: value`"),
        (&call, &["--query", "x"], "write it as `name=value`"),
        (
            &listen,
            &["--call", "join lobby"],
            "texts are written in quotes",
        ),
        (&listen, &["--count", "few"], "--count"),
        (&bench, &["--clients", "0"], "--clients"),
        (&bench, &["--depth", "0"], "--depth"),
        (
            &bench,
            &["--seconds", "inf"],
            "write it as seconds, such as `1.5`",
        ),
        (&["queue", "inspect"], &[], "<DIR>"),
        (&["queue", "inspect", "/", "chat"], &[], "<QUEUE>"),
    ] {
        let output = run(&[line, more].concat());
        assert_eq!(output.status.code(), Some(2), "{line:?} {more:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(said(&output).contains(says), "{}", said(&output));
    }
}

#[test]
fn a_url_that_is_none_is_told_what_it_lacks() {
    for url in ["127.0.0.1:8080/signalr", "ws://127.0.0.1:8080/signalr"] {
        let output = run(&["call", url, "chat", "join"]);
        assert_eq!(output.status.code(), Some(1));
        let why = "it does not begin with `http://` or `https://`";
        let text = format!("error: can't use the url '{url}': {why}\n");
        assert_eq!(said(&output), text);
    }
}
