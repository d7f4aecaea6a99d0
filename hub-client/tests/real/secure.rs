//! Over TLS (feature `tls`).
#![cfg(feature = "tls")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hub_client::{Builder, ClientEvent, ConnectError, HubClient, RetryPolicy, Transport};
use tokio::sync::mpsc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::hub::{DeskProxy, Server, To, Was, soon};
use crate::proxy::Proxy;

/// A certificate for these hosts that nobody else has signed, and its key.
struct Certified(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>);

impl Certified {
    fn of(hosts: &[&str]) -> Self {
        let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let key = certified.signing_key.serialize_der().into();
        Self(certified.cert.der().clone(), key)
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        self.1.clone_key().into()
    }
}

fn roots(trusted: CertificateDer<'static>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    roots
}

/// A server with a certificate of its own for these hosts, which wants one of its clients if it knows whose.
async fn serve(hosts: &[&str], known: Option<RootCertStore>) -> (Server, CertificateDer<'static>) {
    let own = Certified::of(hosts);
    let provider = Arc::new(ring::default_provider());
    let verifier = match known {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(known) => {
            let known = Arc::new(known);
            WebPkiClientVerifier::builder_with_provider(known, Arc::clone(&provider))
                .build()
                .unwrap()
        }
    };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.0.clone()], own.key())
        .unwrap();
    let server = Server::of(|builder| builder.tls(config)).await;
    (server, own.0)
}

pub(crate) async fn server(hosts: &[&str]) -> (Server, CertificateDer<'static>) {
    serve(hosts, None).await
}

/// What a client trusts, and the certificate that it has itself.
fn config(trusted: CertificateDer<'static>, own: Option<&Certified>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(trusted));
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = vec![own.0.clone()];
            builder.with_client_auth_cert(chain, own.key()).unwrap()
        }
    }
}

pub(crate) fn client(host: &str, port: u16, trusted: Option<CertificateDer<'static>>) -> Builder {
    let url = format!("https://{host}:{port}/signalr");
    let builder = HubClient::builder(url)
        .hub("desk")
        .retry(RetryPolicy::every(Duration::from_millis(10)));
    match trusted {
        None => builder,
        Some(trusted) => builder.tls(config(trusted, None)),
    }
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

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_its_clients_gets_it_with_each_request() {
    let (ann, bob) = (Certified::of(&["ann"]), Certified::of(&["bob"]));
    let (server, certificate) = serve(&["localhost"], Some(roots(ann.0.clone()))).await;
    let connect = async |own, transport| {
        let config = config(certificate.clone(), own);
        let builder = client("localhost", server.addr.port(), None).tls(config);
        soon(builder.transports([transport]).connect()).await
    };
    for transport in [
        Transport::WebSockets,
        Transport::ServerSentEvents,
        Transport::LongPolling,
    ] {
        let client = connect(Some(&ann), transport).await.unwrap();
        let desk: DeskProxy = client.hub();
        assert_eq!(desk.add(1, 2).await.unwrap(), 3);
        soon(client.close()).await;
        for other in [None, Some(&bob)] {
            let error = connect(other, transport).await.unwrap_err();
            assert!(
                matches!(error, ConnectError::Unreachable { .. }),
                "{error:?}"
            );
        }
    }
}
