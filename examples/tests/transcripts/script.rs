//! Compares the generated script, of which the recording has the facts.

use std::collections::BTreeMap;

use serde_json::Value;

/// Hubs that had more methods than the application has.
const MORE: [&str; 3] = ["demo", "echoHub", "probe"];

/// A hub whose parameters were called otherwise, which is for people who read the script.
const RENAMED: &str = "bench";

/// What a script says of a hub: its name, its methods with their parameters, and what they invoke.
#[derive(Debug, Default, PartialEq)]
struct Hub {
    created_as: String,
    methods: BTreeMap<String, String>,
    invokes: Vec<String>,
}

/// Hubs of the application that it did not have when the conversations were recorded.
const LATER: &[&str] = &["foo"];

pub fn compare(facts: &Value, script: &str) -> Result<(), String> {
    if facts["wrapped"] == false {
        let script_alone = script.starts_with("/*");
        return script_alone.then_some(()).ok_or("it is wrapped".into());
    }
    let url = between(script, "signalR.hub = $.hubConnection(", ");");
    let expected = facts["hub_connection_arguments"].as_str();
    if url.as_deref() != expected {
        return Err(format!("the script's connection is {url:?}"));
    }
    let Some(recorded) = facts["hubs"].as_object() else {
        return Ok(());
    };
    let hubs = hubs(script);
    let names: Vec<&str> = hubs.iter().map(|(name, _)| &**name).collect();
    let order = facts["order"].as_array().ok_or("no order")?;
    let order = order.iter().filter_map(Value::as_str);
    let order: Vec<&str> = order.filter(|name| names.contains(name)).collect();
    let then = |name: &&&str| !LATER.contains(name);
    let known: Vec<&str> = names.iter().filter(then).copied().collect();
    if known != order || script.matches(".client = { };").count() != names.len() {
        return Err(format!("the hubs are {names:?}, not {order:?}"));
    }
    for (name, hub) in hubs.iter().filter(|(name, _)| !LATER.contains(&&**name)) {
        let mut expected = recorded_hub(&recorded[name]);
        if MORE.contains(&&**name) {
            let ours = |method: &String| hub.methods.keys().any(|known| known == method);
            expected.methods.retain(|method, _| ours(method));
            expected
                .invokes
                .retain(|method| hub.invokes.contains(method));
        }
        if name == RENAMED {
            expected.methods.clone_from(&hub.methods);
        }
        if *hub != expected {
            return Err(format!("{name} is {hub:?}, not {expected:?}"));
        }
    }
    Ok(())
}

fn recorded_hub(facts: &Value) -> Hub {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let methods = facts["methods"].as_object().into_iter().flatten();
    let invokes = facts["invokes"].as_array().into_iter().flatten();
    Hub {
        created_as: text(&facts["created_as"]),
        methods: methods
            .map(|(name, parameters)| (name.clone(), text(parameters)))
            .collect(),
        invokes: invokes.map(text).collect(),
    }
}

/// The hubs of a script, in order.
fn hubs(script: &str) -> Vec<(String, Hub)> {
    let mut hubs: Vec<(String, Hub)> = Vec::new();
    for line in script.lines().map(str::trim) {
        if let Some(created_as) = between(line, "this.createHubProxy(\"", "\")") {
            let name = between(line, "proxies[\"", "\"]").unwrap_or_default();
            let hub = Hub {
                created_as,
                ..Hub::default()
            };
            hubs.push((name, hub));
        }
        let Some((_, hub)) = hubs.last_mut() else {
            continue;
        };
        if let Some(parameters) = between(line, ": function (", ") {") {
            let name = between(line, "\"", "\"").unwrap_or_default();
            // A name with a capital is there beside the one in camel case.
            if !name.starts_with(char::is_uppercase) {
                hub.methods.insert(name, parameters);
            }
        }
        let invoked = between(line, "return invoke(", ", arguments)");
        let invoked = invoked.and_then(|call| between(&call, ", \"", "\""));
        if let Some(invoked) = invoked.filter(|name| !hub.invokes.contains(name)) {
            hub.invokes.push(invoked);
        }
    }
    hubs
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after)?.0.to_owned())
}
