//! `hub call`.

use std::error::Error;

use serde_json::{Value, json};

use crate::options::Call;
use crate::output::Output;

pub(crate) async fn run(options: &Call, output: &Output) -> Result<(), Box<dyn Error>> {
    // A hub that the server doesn't know is refused at once; a call of it would never be answered.
    let mut builder = options.server.client().hub(&options.hub);
    if let Some(allowed) = options.timeout {
        builder = builder.call_timeout(allowed);
    }
    let client = builder.connect().await?;
    let report = |value: Value| {
        output.line(|| format!("... {value}"), || json!({ "progress": value }));
    };
    let (hub, method) = (&options.hub, &options.method);
    let result: Result<Value, _> = client
        .invoke_with_progress(hub, method, &options.args, report)
        .await;
    client.close().await;
    let result = result?;
    output.line(
        || match &result {
            Value::String(text) => text.clone(),
            value => format!("{value:#}"),
        },
        || json!({ "result": result }),
    );
    Ok(())
}
