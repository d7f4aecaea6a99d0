//! Through the proxy that the environment names, and past it. The client is a process of its own, which has that
//! environment.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hub_client::{Builder, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::hub::{DeskProxy, Server, client_at, soon};

/// What the process that is the client is told: where the server is, and whom to trust.
const MARK: &str = "HUB_TEST_THROUGH";

/// A proxy that opens tunnels to one server, whatever it is asked for, and refuses everything else.
struct Tunnels {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(tunnel(client, server, Arc::clone(&all)));
            }
        });
        Self { addr, asked }
    }

    /// The heads of the requests.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn tunnel(mut client: TcpStream, to: SocketAddr, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let tunnels = head.starts_with("CONNECT ");
    asked.lock().unwrap().push(head);
    let answer: &[u8] = match tunnels {
        true => b"HTTP/1.1 200 OK\r\n\r\n",
        false => b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    };
    client.write_all(answer).await.unwrap();
    if tunnels {
        let mut server = TcpStream::connect(to).await.unwrap();
        // It ends as it ends.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Runs a test again as a client with this environment; what it says if it fails.
async fn client(test: &str, told: &str, environment: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("through::{test}"), "--nocapture"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.envs(environment.iter().copied()).env(MARK, told);
    let output = soon(command.kill_on_drop(true).output()).await.unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Calls over each transport.
async fn call(builder: impl Fn() -> Builder) {
    for transport in [
        Transport::WebSockets,
        Transport::ServerSentEvents,
        Transport::LongPolling,
    ] {
        let client = builder().transports([transport]).connect();
        let client = soon(client).await.unwrap();
        let desk: DeskProxy = client.hub();
        assert_eq!(soon(desk.add(1, 2)).await.unwrap(), 3);
        soon(client.close()).await;
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn what_is_encrypted_goes_through_tunnels_of_the_proxy() {
    use tokio_rustls::rustls::pki_types::CertificateDer;

    if let Ok(certificate) = std::env::var(MARK) {
        let numbers = certificate.split(',').map(|byte| byte.parse().unwrap());
        let certificate = CertificateDer::from(numbers.collect::<Vec<u8>>());
        // Nobody but the proxy knows where that is.
        return call(|| crate::secure::client("hub.test", 99, Some(certificate.clone()))).await;
    }
    let (server, certificate) = crate::secure::server(&["hub.test"]).await;
    let proxy = Tunnels::to(server.addr).await;
    let test = "what_is_encrypted_goes_through_tunnels_of_the_proxy";
    let numbers: Vec<String> = certificate.iter().map(u8::to_string).collect();
    let address = format!("http://ann:secret@{}", proxy.addr);
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy"] {
        let went = client(test, &numbers.join(","), &[(name, &address)]).await;
        assert_eq!(went, Ok(()), "{name}");
        let asked = proxy.asked();
        assert!(asked.len() >= 3, "{name}: {asked:?}");
        for head in asked {
            assert!(
                head.starts_with("CONNECT hub.test:99 HTTP/1.1\r\n"),
                "{head}"
            );
            let head = head.to_lowercase();
            assert!(
                head.contains("proxy-authorization: basic yw5uonnly3jlda==\r\n"),
                "{head}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_environment_excepts_does_not_go_through_the_proxy() {
    if let Ok(address) = std::env::var(MARK) {
        let address: SocketAddr = address.parse().unwrap();
        return call(|| client_at(address)).await;
    }
    let server = Server::start().await;
    let proxy = Tunnels::to(server.addr).await;
    let test = "what_the_environment_excepts_does_not_go_through_the_proxy";
    // It is this machine, and does not look like it.
    let told = format!("0.0.0.0:{}", server.addr.port());
    let through = format!("http://{}", proxy.addr);
    for excepted in ["0.0.0.0", "a.test, 0.0.0.0/8", "*"] {
        let environment = [("http_proxy", &*through), ("no_proxy", excepted)];
        let went = client(test, &told, &environment).await;
        assert_eq!(went, Ok(()), "{excepted}");
        assert_eq!(proxy.asked(), [""; 0], "{excepted}");
    }
    let environment = [("http_proxy", &*through), ("no_proxy", "b.test")];
    let refused = client(test, &told, &environment).await.unwrap_err();
    assert!(refused.contains("status: 403"), "{refused}");
    assert!(proxy.asked()[0].starts_with("GET http://0.0.0.0:"));
}

#[tokio::test]
async fn a_proxy_of_another_kind_is_named() {
    if let Ok(address) = std::env::var(MARK) {
        let client = client_at(address.parse().unwrap()).connect();
        let error = soon(client).await.unwrap_err();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let proxy = "the environment's proxy socks5://127.0.0.1:9/ is none of `http://`";
        return assert_eq!(cause.to_string(), proxy);
    }
    let environment = [("all_proxy", "socks5://ann:secret@127.0.0.1:9")];
    let told = "0.0.0.0:9";
    let went = client("a_proxy_of_another_kind_is_named", told, &environment).await;
    assert_eq!(went, Ok(()));
}
