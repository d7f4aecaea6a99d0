//! Over TLS (feature `tls`).
#![cfg(feature = "tls")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hub_client::{Builder, ClientEvent, ConnectError, HubClient, RetryPolicy};
use tokio::sync::mpsc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::hub::{DeskProxy, Server, To, Was, soon};
use crate::proxy::Proxy;

/// A server with a certificate of its own for these hosts.
async fn server(hosts: &[&str]) -> (Server, CertificateDer<'static>) {
    let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let server = Server::of(|builder| builder.tls(config)).await;
    (server, certificate)
}

fn client(host: &str, port: u16, trusted: Option<CertificateDer<'static>>) -> Builder {
    let url = format!("https://{host}:{port}/signalr");
    let builder = HubClient::builder(url)
        .hub("desk")
        .retry(RetryPolicy::every(Duration::from_millis(10)));
    let Some(trusted) = trusted else {
        return builder;
    };
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    builder.tls(config)
}

#[tokio::test]
async fn calls_events_reconnects_and_the_end_go_over_tls() {
    let (mut server, certificate) = server(&["localhost", "127.0.0.1"]).await;
    let proxy = Proxy::start(server.addr).await;
    for host in ["localhost", "127.0.0.1"] {
        let (seen, mut noted) = mpsc::unbounded_channel();
        let client = client(host, proxy.addr.port(), Some(certificate.clone()))
            .on("desk", "noted", move |(_, number): (String, u64)| {
                let seen = seen.clone();
                async move { seen.send(number).unwrap() }
            })
            .connect();
        let client = soon(client).await.unwrap();
        assert_eq!(server.next().await.1, Was::Connected);
        let desk: DeskProxy = client.hub();
        desk.join("g".into()).await.unwrap();
        let large = serde_json::json!("x".repeat(60_000));
        assert_eq!(desk.echo(large.clone()).await.unwrap(), large);
        let mut events = client.client_events();
        for number in 0..3 {
            desk.note(To::Group("g".into()), "x".into(), number)
                .await
                .unwrap();
            assert_eq!(soon(noted.recv()).await, Some(number));
            proxy.cut();
            assert!(matches!(
                soon(events.next()).await,
                Some(ClientEvent::Lost(_))
            ));
            for _ in ["reconnecting", "connected"] {
                let event = soon(events.next()).await;
                assert!(matches!(event, Some(ClientEvent::StateChanged { .. })));
            }
            assert_eq!(server.next().await.1, Was::Reconnected(0));
        }
        soon(client.close()).await;
        assert_eq!(server.next().await.1, Was::Disconnected { stopped: true });
    }
}

#[tokio::test]
async fn who_is_not_trusted_is_not_talked_to() {
    let (mut server, certificate) = server(&["localhost"]).await;
    let (_, stranger) = self::server(&["localhost"]).await;
    let port = server.addr.port();
    for (what, client) in [
        ("an unknown authority", client("localhost", port, None)),
        (
            "another authority",
            client("localhost", port, Some(stranger)),
        ),
        (
            "another name",
            client("127.0.0.1", port, Some(certificate.clone())),
        ),
    ] {
        let error = soon(client.connect()).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Unreachable { .. }),
            "{error:?}"
        );
        let mut cause: &dyn Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let why = cause.to_string();
        assert!(why.contains("invalid peer certificate"), "{what}: {why}");
    }
    let trusted = client("localhost", port, Some(certificate)).connect();
    drop(soon(trusted).await.unwrap());
    assert_eq!(server.next().await.1, Was::Connected);
    assert_eq!(server.next().await.1, Was::Disconnected { stopped: true });
    assert_eq!(server.rest(), []);
}
