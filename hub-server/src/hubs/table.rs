//! [`HubTable`]: hubs and their methods by name, found without an allocation.

use std::any::{Any, TypeId};
use std::fmt::Write;
use std::sync::Arc;

use hub_core::{Authorize, CallOrder, Filter, Hub, HubName, HubSpec, PersistentConnection};

use super::names::Names;
use super::raw::{RAW, Raw, connection_name};
use crate::meter::Calls;

pub(crate) struct HubTable {
    /// The first one is the outermost.
    pub(crate) filters: Filters,
    /// Hubs, and behind them the persistent connections, which have no name that clients could call.
    hubs: Vec<Arc<Registered>>,
    named: usize,
    by_name: Names<usize>,
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
    pub(crate) calls: Calls,
    /// Methods of one name differ in how many arguments they take.
    methods: Names<Vec<usize>>,
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
            by_name: Names::default(),
        };
        for hub in hubs {
            let spec = hub.spec();
            if spec.name.is_empty() || spec.name.contains('.') {
                return Err(HubNameError::Invalid(spec.name));
            }
            let place = table.hubs.len();
            if table.by_name.insert(spec.name, place).is_some() {
                return Err(HubNameError::Shared(spec.name));
            }
            let mut methods = Names::<Vec<usize>>::default();
            for (index, method) in spec.methods.iter().enumerate() {
                let mut others = methods.get(method.name).cloned().unwrap_or_default();
                others.push(index);
                methods.insert(method.name, others);
            }
            table.hubs.push(Arc::new(Registered {
                order: hub.order(),
                hub,
                name: HubName::from(spec.name),
                spec,
                filters: table.filters.clone(),
                authorize: [require, spec.authorize].concat(),
                calls: Calls::of(spec.name),
                methods,
            }));
        }
        table.named = table.hubs.len();
        Ok(table)
    }

    /// Adds a persistent connection under the path of its mount; gives its index.
    pub(crate) fn add(&mut self, path: &str, connection: Arc<dyn PersistentConnection>) -> usize {
        self.hubs.push(Arc::new(Registered {
            hub: Arc::new(Raw(connection)),
            name: connection_name(path),
            spec: &RAW,
            order: CallOrder::Interleaved,
            filters: None,
            authorize: Vec::new(),
            calls: Calls::of(path),
            methods: Names::default(),
        }));
        self.hubs.len() - 1
    }

    /// Puts a filter around one hub, inside of the others.
    #[cfg(feature = "dashboard")]
    pub(crate) fn guard(&mut self, hub: &str, filter: Arc<dyn Filter>) {
        let found = self.index_of(hub);
        if let Some(registered) = found
            .and_then(|index| self.hubs.get_mut(index))
            .and_then(Arc::get_mut)
        {
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
            .map(|registered| &**registered)
            .find(|registered| registered.name == name)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Registered> {
        self.hubs.get(index).map(|registered| &**registered)
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Registered>> {
        self.hubs.get(self.index_of(name)?)
    }

    /// The hub of this type; the first one, if several are.
    pub(crate) fn of_type(&self, id: TypeId) -> Option<&Registered> {
        let is = |registered: &&Registered| (&*registered.hub as &dyn Any).type_id() == id;
        self.iter().find(is)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registered> {
        let named = self.hubs.iter().take(self.named);
        named.map(|registered| &**registered)
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
        let takes = |&index: &usize| {
            let method = self.spec.methods.get(index);
            method.is_some_and(|method| method.takes(arguments))
        };
        let named = self.methods.get(name);
        let mut named = named.into_iter().flatten().copied();
        named.find(takes).ok_or_else(|| self.unresolved(name))
    }

    /// Whether there is a method of this name, ignoring case.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.methods.get(name).is_some()
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
