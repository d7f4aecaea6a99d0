//! Who is there, as a client of ours keeps it.

use hub_client::{HubClient, PresenceDiff, PresencePage, PresenceView};
use hub_server::{Context, HubError, HubServer, PresenceOptions};
use tokio::sync::mpsc;

use crate::hub::soon;

struct Lobby;

#[hub_server::hub(name = "lobby")]
impl Lobby {
    async fn watch(&self, cx: &Context) -> Result<PresencePage, HubError> {
        Ok(cx.presence().watch(cx.connection_id()).await?)
    }

    async fn mood(&self, cx: &Context, mood: String) -> Result<(), HubError> {
        Ok(cx.presence_update((mood, 1.5)).await?)
    }
}

#[tokio::test]
async fn a_view_of_who_is_there_follows_what_is_told() {
    let server = HubServer::builder().hub(Lobby);
    let server = server.presence("lobby", PresenceOptions::default());
    let server = server.build().unwrap().bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/signalr", server.local_addr());
    let serving = tokio::spawn(server.serve());
    let (tell, mut told) = mpsc::unbounded_channel();
    let watcher = HubClient::builder(&url)
        .on("lobby", "presence", move |(diff,): (PresenceDiff,)| {
            let _ = tell.send(diff);
            async {}
        })
        .connect();
    let watcher = soon(watcher).await.unwrap();
    let page: PresencePage = watcher.invoke("lobby", "watch", ()).await.unwrap();
    let mut view = PresenceView::new(page);
    let other = HubClient::builder(&url).on("lobby", "presence", |_: (PresenceDiff,)| async {});
    let other = soon(other.connect()).await.unwrap();
    let _: () = other.invoke("lobby", "mood", ("good",)).await.unwrap();
    let id = other.connection_id();
    let mood = |view: &PresenceView| {
        let member = view.members().get(&id)?;
        let info = member.info.as_ref()?;
        Some(info.read::<(String, f64)>().unwrap())
    };
    while mood(&view).is_none() {
        assert!(view.apply(soon(told.recv()).await.unwrap()));
    }
    assert_eq!(mood(&view), Some(("good".into(), 1.5)));
    other.close().await;
    while view.members().len() > 1 {
        assert!(view.apply(soon(told.recv()).await.unwrap()));
    }
    assert!(view.members().contains_key(&watcher.connection_id()));
    serving.abort();
}
