//! Negotiate: what the server says about itself before there is a link, and where it sends its clients instead
//! (`classic-signalr.md` 3).

use std::time::Duration;

use hub_core::ConnectionId;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ConnectError;

/// What this client asks for.
pub(crate) const CLIENT_PROTOCOL: &str = "2.1";

/// The oldest version that has a delayed start (`classic-signalr.md` 7.2).
const OLDEST: [u32; 2] = [1, 4];
const NEWEST: [u32; 2] = [2, 1];

/// Where redirects may appear (`classic-signalr.md` 3.2).
const REDIRECTING: [u32; 2] = [2, 0];

/// An answer to negotiate.
#[derive(Debug)]
pub(crate) enum Answer {
    Accepted(Negotiated),
    Redirect { url: String, token: Option<String> },
}

/// What an accepted client has to know.
#[derive(Debug)]
pub(crate) struct Negotiated {
    pub(crate) id: ConnectionId,
    pub(crate) token: String,
    /// How long silence is allowed; `None` disables the watch.
    pub(crate) silence: Option<Duration>,
    /// For how long a lost client may come back.
    pub(crate) disconnect: Duration,
    /// How long a transport may take to connect.
    pub(crate) connect: Duration,
    pub(crate) web_sockets: bool,
    /// How long a poll may be kept.
    pub(crate) poll: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    connection_token: Option<String>,
    connection_id: Option<String>,
    keep_alive_timeout: Option<f64>,
    disconnect_timeout: Option<f64>,
    transport_connect_timeout: Option<f64>,
    connection_timeout: Option<f64>,
    #[serde(default)]
    try_web_sockets: bool,
    protocol_version: Option<String>,
    error: Option<String>,
    redirect_url: Option<String>,
    access_token: Option<String>,
    #[serde(rename = "availableTransports", borrow)]
    available_transports: Option<&'a RawValue>,
}

impl Answer {
    /// Reads the answer's body.
    pub(crate) fn read(text: &[u8]) -> Result<Self, ConnectError> {
        let unreadable = |source| ConnectError::Answer {
            request: "negotiate",
            source,
        };
        let body: Body<'_> =
            serde_json::from_slice(text).map_err(|error| unreadable(Some(error)))?;
        if body.available_transports.is_some() {
            return Err(ConnectError::CoreServer);
        }
        let said = body.protocol_version.unwrap_or_default();
        let version = match version(&said) {
            Some(version) if (&OLDEST[..]..=&NEWEST[..]).contains(&&*version) => version,
            _ => {
                return Err(ConnectError::Version {
                    client: CLIENT_PROTOCOL,
                    server: said,
                });
            }
        };
        if *version >= REDIRECTING[..] {
            if let Some(error) = body.error {
                return Err(ConnectError::Server(error));
            }
            if let Some(url) = body.redirect_url {
                let token = body.access_token;
                return Ok(Self::Redirect { url, token });
            }
        }
        let (Some(token), Some(id)) = (body.connection_token, body.connection_id) else {
            return Err(unreadable(None));
        };
        Ok(Self::Accepted(Negotiated {
            id: ConnectionId::from(id),
            token,
            silence: body.keep_alive_timeout.and_then(seconds),
            disconnect: body
                .disconnect_timeout
                .and_then(seconds)
                .unwrap_or(DISCONNECT),
            connect: body
                .transport_connect_timeout
                .and_then(seconds)
                .unwrap_or(CONNECT),
            web_sockets: body.try_web_sockets,
            poll: body.connection_timeout.and_then(seconds).unwrap_or(POLL),
        }))
    }
}

// The original's defaults, for servers that leave them out.
const DISCONNECT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_secs(110);

/// Zero, negative and absurd times count as absent.
fn seconds(number: f64) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(number).ok()?;
    (!time.is_zero() && time < Duration::from_secs(u64::from(u32::MAX))).then_some(time)
}

/// A dotted version of two to four numbers.
fn version(text: &str) -> Option<Vec<u32>> {
    let numbers: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| (2..=4).contains(&numbers.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(version: &str) -> String {
        format!(
            r#"{{"Url":"/signalr","ConnectionToken":"t+","ConnectionId":"id","KeepAliveTimeout":20.0,
            "DisconnectTimeout":30,"ConnectionTimeout":110.0,"TryWebSockets":true,"ProtocolVersion":"{version}",
            "TransportConnectTimeout":5.0,"LongPollDelay":0.0,"Error":null}}"#
        )
    }

    #[test]
    fn the_originals_answer_is_read() {
        let Ok(Answer::Accepted(answer)) = Answer::read(accepted("2.0").as_bytes()) else {
            panic!("not accepted");
        };
        assert_eq!(answer.id, "id");
        assert_eq!(answer.token, "t+");
        assert_eq!(answer.silence, Some(Duration::from_secs(20)));
        assert_eq!(answer.disconnect, Duration::from_secs(30));
        assert_eq!(answer.connect, Duration::from_secs(5));
        assert!(answer.web_sockets);
    }

    #[test]
    fn versions_from_1_4_to_2_1_are_spoken() {
        for version in ["1.4", "1.5", "1.5.0", "2.0", "2.1"] {
            assert!(
                Answer::read(accepted(version).as_bytes()).is_ok(),
                "{version}"
            );
        }
        for version in ["1.3", "2.2", "2.1.1", "2", "", "abc", "1337", "3.0"] {
            let error = Answer::read(accepted(version).as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "You are using a version of the client that isn't compatible with the server. Client version 2.1, \
                     server version {version}."
                )
            );
        }
    }

    #[test]
    fn an_error_comes_before_a_redirect_and_both_after_the_version() {
        let error =
            Answer::read(br#"{"ProtocolVersion":"2.0","Error":"no","RedirectUrl":"http://x"}"#)
                .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Error message received from the server: 'no'."
        );
        assert!(matches!(
            Answer::read(br#"{"ProtocolVersion":"2.1","RedirectUrl":"http://x","AccessToken":"t"}"#),
            Ok(Answer::Redirect { url, token: Some(token) }) if url == "http://x" && token == "t"
        ));
        assert!(matches!(
            Answer::read(br#"{"ProtocolVersion":"1.5","Error":"no","RedirectUrl":"http://x"}"#),
            Err(ConnectError::Answer { source: None, .. })
        ));
    }

    #[test]
    fn a_core_server_is_recognised_first() {
        let error = Answer::read(br#"{"connectionId":"x","availableTransports":[]}"#).unwrap_err();
        assert!(matches!(error, ConnectError::CoreServer));
        assert!(error.to_string().starts_with(
            "Detected a connection attempt to an ASP.NET Core SignalR Server. This client only supports connecting to \
             an ASP.NET SignalR Server."
        ));
    }

    #[test]
    fn odd_times_count_as_absent() {
        for number in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(seconds(number), None);
        }
        assert_eq!(seconds(0.5), Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in ["", "<html>", "[]", "{}", r#"{"ProtocolVersion":2}"#] {
            assert!(Answer::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
