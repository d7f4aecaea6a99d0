//! What the server asks the client, and the answers.

use hub_client::HubClient;
use hub_core::AckError;
use tokio::time::timeout;

use crate::run::{PATIENCE, World};
use crate::told::Wrong;

impl World<'_> {
    pub(crate) fn ask(&mut self, client: &HubClient) {
        let number = self.asked;
        self.asked += 1;
        let id = client.connection_id().to_string();
        let _elsewhere = self.elsewhere.enter();
        let asked = self.server.as_ref().unwrap().ask(&id, number);
        self.asks.push((number, asked));
    }

    /// The client answers all that it was asked, once each.
    pub(crate) async fn answers(&mut self) -> Result<(), Wrong> {
        for (number, asked) in std::mem::take(&mut self.asks) {
            let acks = timeout(PATIENCE, asked).await;
            let acks = acks.map_err(|_| "it does not answer")?.unwrap();
            let [(_, acked)] = &acks[..] else {
                return Err(format!("{acks:?}"));
            };
            let value = acked.as_ref().map(|acked| acked.value.as_ref());
            let value = value.map(|value| value.map(|value| value.read::<u64>().unwrap()));
            let gone = matches!(value, Err(AckError::Gone)) && self.script.may_be_given_up();
            if value != Ok(Some(2 * number)) && !gone {
                return Err(format!("{number} is answered by {value:?}"));
            }
        }
        Ok(())
    }

    /// Nobody waits for answers any more.
    pub(crate) fn forget_asks(&mut self) {
        for (_, asked) in self.asks.drain(..) {
            asked.abort();
        }
    }
}
