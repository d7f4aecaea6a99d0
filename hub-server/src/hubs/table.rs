//! [`HubTable`]: hubs and their methods by name, found without an allocation.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use hub_core::{Authorize, CallOrder, Filter, Hub, HubName, HubSpec, PersistentConnection};

use super::raw::{RAW, Raw, connection_name};
use crate::meter::Calls;

/// Names up to this length are lower-cased on the stack.
const SHORT: usize = 64;

pub(crate) struct HubTable {
    /// The first one is the outermost.
    pub(crate) filters: Filters,
    /// Hubs, and behind them the persistent connections, which have no name that clients could call.
    hubs: Vec<Registered>,
    named: usize,
    by_name: HashMap<Box<str>, usize>,
}

/// Filters, if there are any.
pub(crate) type Filters = Option<Arc<[Arc<dyn Filter>]>>;

pub(crate) struct Registered {
    pub(crate) hub: Arc<dyn Hub>,
    pub(crate) name: HubName,
    pub(crate) spec: &'static HubSpec,
    pub(crate) order: CallOrder,
    /// What is around it.
    pub(crate) filters: Filters,
    /// What all of it, and the server, asks for.
    pub(crate) authorize: Vec<Authorize>,
    /// What its calls come to.
    pub(crate) calls: Arc<Calls>,
    methods: HashMap<Box<str>, Vec<usize>>,
}

impl HubTable {
    /// # Errors
    /// The name that two hubs share, or that can't be a hub's.
    pub(crate) fn new(
        hubs: Vec<Arc<dyn Hub>>,
        filters: Vec<Arc<dyn Filter>>,
        require: &[Authorize],
    ) -> Result<Self, HubNameError> {
        let mut table = Self {
            filters: (!filters.is_empty()).then(|| filters.into()),
            hubs: Vec::new(),
            named: 0,
            by_name: HashMap::new(),
        };
        for hub in hubs {
            let spec = hub.spec();
            if spec.name.is_empty() || spec.name.contains('.') {
                return Err(HubNameError::Invalid(spec.name));
            }
            if table
                .by_name
                .insert(spec.name.to_lowercase().into(), table.hubs.len())
                .is_some()
            {
                return Err(HubNameError::Shared(spec.name));
            }
            let mut methods: HashMap<Box<str>, Vec<usize>> = HashMap::new();
            for (index, method) in spec.methods.iter().enumerate() {
                methods
                    .entry(method.name.to_lowercase().into())
                    .or_default()
                    .push(index);
            }
            table.hubs.push(Registered {
                order: hub.order(),
                hub,
                name: HubName::from(spec.name),
                spec,
                filters: table.filters.clone(),
                authorize: [require, spec.authorize].concat(),
                calls: Arc::new(Calls::of(spec.name)),
                methods,
            });
        }
        table.named = table.hubs.len();
        Ok(table)
    }

    /// Adds a persistent connection under the path of its mount; gives its index.
    pub(crate) fn add(&mut self, path: &str, connection: Arc<dyn PersistentConnection>) -> usize {
        self.hubs.push(Registered {
            hub: Arc::new(Raw(connection)),
            name: connection_name(path),
            spec: &RAW,
            order: CallOrder::Interleaved,
            filters: None,
            authorize: Vec::new(),
            calls: Arc::new(Calls::of(path)),
            methods: HashMap::new(),
        });
        self.hubs.len() - 1
    }

    /// Puts a filter around one hub, inside of the others.
    #[cfg(feature = "dashboard")]
    pub(crate) fn guard(&mut self, hub: &str, filter: Arc<dyn Filter>) {
        let found = self.index_of(hub);
        if let Some(registered) = found.and_then(|index| self.hubs.get_mut(index)) {
            let others = registered.filters.iter().flat_map(|filters| filters.iter());
            registered.filters = Some(others.cloned().chain([filter]).collect());
        }
    }

    /// The persistent connection at a path.
    pub(crate) fn at(&self, path: &str) -> Option<&Registered> {
        let name = connection_name(path);
        self.hubs
            .iter()
            .skip(self.named)
            .find(|registered| registered.name == name)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Registered> {
        self.hubs.get(index)
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        lower_cased(name, |name| self.by_name.get(name).copied())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Registered> {
        self.get(self.index_of(name)?)
    }

    /// The hub of this type; the first one, if several are.
    pub(crate) fn of_type(&self, id: TypeId) -> Option<&Registered> {
        let is = |registered: &&Registered| (&*registered.hub as &dyn Any).type_id() == id;
        self.iter().find(is)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.hubs.iter().take(self.named)
    }

    pub(crate) fn len(&self) -> usize {
        self.named
    }
}

impl Registered {
    /// The method of this name, ignoring case, that takes so many arguments.
    ///
    /// # Errors
    /// The original's text for a method that can't be resolved (`classic-signalr.md` 8.3).
    pub(crate) fn method(&self, name: &str, arguments: usize) -> Result<usize, String> {
        let found = lower_cased(name, |name| {
            let takes = |&&index: &&usize| {
                self.spec
                    .methods
                    .get(index)
                    .is_some_and(|method| method.takes(arguments))
            };
            self.methods.get(name)?.iter().find(takes).copied()
        });
        found.ok_or_else(|| self.unresolved(name))
    }

    /// Whether there is a method of this name, ignoring case.
    pub(crate) fn has(&self, name: &str) -> bool {
        lower_cased(name, |name| self.methods.contains_key(name))
    }

    fn unresolved(&self, name: &str) -> String {
        // Candidates are told only to who knows the name's exact spelling.
        let mut candidates = self
            .spec
            .methods
            .iter()
            .filter(|method| method.name == name)
            .peekable();
        if candidates.peek().is_none() {
            return format!(
                "'{name}' method could not be resolved. No method found with that name."
            );
        }
        let mut text = format!("'{name}' method could not be resolved. Potential candidates are: ");
        for method in candidates {
            let params: Vec<_> = method
                .params
                .iter()
                .map(|param| format!("{}:{}", param.name, param.ty))
                .collect();
            let _ = write!(
                text,
                "\n{}({}):{}",
                method.name,
                params.join(", "),
                method.returns
            );
        }
        text
    }
}

/// Why a hub can't be registered under its name.
#[derive(Debug)]
pub(crate) enum HubNameError {
    Shared(&'static str),
    Invalid(&'static str),
}

fn lower_cased<R>(name: &str, look_up: impl FnOnce(&str) -> R) -> R {
    let mut buffer = [0; SHORT];
    match buffer.get_mut(..name.len()) {
        Some(short) if name.is_ascii() => {
            short.copy_from_slice(name.as_bytes());
            short.make_ascii_lowercase();
            look_up(std::str::from_utf8(short).unwrap_or_default())
        }
        _ => look_up(&name.to_lowercase()),
    }
}
