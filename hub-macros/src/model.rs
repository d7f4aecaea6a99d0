//! What the emitters work from: names are settled, types sorted into context, arguments, progress and result, and
//! whatever was wrong has been left out. Spans are the user's.

use syn::{
    Attribute, ExprPath, Generics, Ident, LitBool, LitStr, Path, Signature, Type, Visibility,
};

/// What an item is, and all that its expansion needs.
pub(crate) enum Model {
    Hub(HubModel),
    Contract(ContractModel),
    Implementation(ImplementationModel),
    Callbacks(CallbacksModel),
}

/// `#[hub] impl ChatHub { .. }`
pub(crate) struct HubModel {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) generics: Generics,
    pub(crate) methods: Vec<MethodModel>,
    pub(crate) lifecycle: Vec<LifecycleModel>,
    pub(crate) authorize: Vec<AuthorizeModel>,
    pub(crate) sequential: bool,
    pub(crate) discover: bool,
}

/// `#[hub] trait Chat { .. }`
pub(crate) struct ContractModel {
    pub(crate) name: String,
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) methods: Vec<MethodModel>,
    pub(crate) authorize: Vec<AuthorizeModel>,
    /// Lifecycle methods that the trait declares by mistake: they are not to be there twice.
    pub(crate) declared: Vec<Moment>,
    /// Whether it has parameters, by mistake: then nothing may be called through it.
    pub(crate) generic: bool,
}

/// `#[hub] impl Chat for ChatHub { .. }`
pub(crate) struct ImplementationModel {
    pub(crate) contract: Path,
    pub(crate) ty: Type,
    pub(crate) generics: Generics,
    pub(crate) sequential: bool,
    pub(crate) discover: bool,
}

/// `#[hub_client] trait ChatClient { .. }`
pub(crate) struct CallbacksModel {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) methods: Vec<MethodModel>,
    /// Callbacks with mistakes; what implements the trait needs them all the same.
    pub(crate) broken: Vec<Signature>,
}

/// A method that is called by name.
pub(crate) struct MethodModel {
    pub(crate) ident: Ident,
    pub(crate) wire: String,
    /// `#[cfg]`s: they go on everything that is generated for the method.
    pub(crate) cfgs: Vec<Attribute>,
    /// Documentation and deprecation: they go on the proxy's method, too.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) is_async: bool,
    /// The type of the context parameter, a reference.
    pub(crate) context: Option<Type>,
    pub(crate) args: Vec<ArgModel>,
    /// How many arguments at the end may be missing.
    pub(crate) optional: usize,
    /// The type of the progress parameter.
    pub(crate) progress: Option<Type>,
    pub(crate) output: Output,
    pub(crate) authorize: Vec<AuthorizeModel>,
}

/// One condition on callers; nothing in it asks for authentication alone.
pub(crate) struct AuthorizeModel {
    pub(crate) roles: Vec<LitStr>,
    pub(crate) users: Vec<LitStr>,
    pub(crate) check: Option<ExprPath>,
    pub(crate) require_outgoing: Option<LitBool>,
}

/// One argument of a call.
pub(crate) struct ArgModel {
    pub(crate) ident: Ident,
    pub(crate) wire: String,
    pub(crate) ty: Type,
    /// For an argument that may be missing: the `T` of its `Option<T>`.
    pub(crate) optional: Option<Type>,
}

/// What a method returns.
pub(crate) struct Output {
    /// Whether it is a `Result`.
    pub(crate) fallible: bool,
    /// The value, `()` for none.
    pub(crate) value: Type,
    /// The error of a `Result`, or where it should be.
    pub(crate) error: Type,
    /// As written.
    pub(crate) whole: Type,
}

/// The moments of a connection that a hub can hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Connected,
    /// As `Connected`, by the name that it has elsewhere.
    Opened,
    Reopened,
    Reconnected,
    Disconnected,
    /// As `Disconnected`, with the reason.
    Closed,
    Pressure,
    Expired,
}

impl Moment {
    pub(crate) const ALL: [Self; 8] = [
        Self::Connected,
        Self::Opened,
        Self::Reopened,
        Self::Reconnected,
        Self::Disconnected,
        Self::Closed,
        Self::Pressure,
        Self::Expired,
    ];

    pub(crate) fn of(name: &Ident) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| name == moment.name())
    }

    /// The other way to write the same moment: a hub has one of the two.
    pub(crate) fn other_spelling(self) -> Option<Self> {
        match self {
            Self::Connected => Some(Self::Opened),
            Self::Opened => Some(Self::Connected),
            Self::Disconnected => Some(Self::Closed),
            Self::Closed => Some(Self::Disconnected),
            Self::Reopened | Self::Reconnected | Self::Pressure | Self::Expired => None,
        }
    }

    /// Whether there is a connection to tell of.
    pub(crate) fn has_context(self) -> bool {
        self != Self::Expired
    }

    /// Whether it tells more than of whom.
    pub(crate) fn has_detail(self) -> bool {
        !matches!(self, Self::Connected | Self::Opened | Self::Reopened)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connected => "on_connected",
            Self::Opened => "on_opened",
            Self::Reopened => "on_reopened",
            Self::Reconnected => "on_reconnected",
            Self::Disconnected => "on_disconnected",
            Self::Closed => "on_closed",
            Self::Pressure => "on_pressure",
            Self::Expired => "on_expired",
        }
    }

    /// What the author writes, for messages.
    pub(crate) fn signature(self) -> &'static str {
        match self {
            Self::Connected | Self::Opened | Self::Reopened => "(&self, cx: &Context)",
            Self::Reconnected => "(&self, cx: &Context, resumed: Resumed)",
            Self::Disconnected => "(&self, cx: &Context, stopped: bool)",
            Self::Closed => "(&self, cx: &Context, reason: Closed)",
            Self::Pressure => "(&self, cx: &Context, pressure: Pressure)",
            Self::Expired => "(&self, gone: Expired)",
        }
    }
}

/// A lifecycle method as the author wrote it; the parameters behind `&self` may be left out.
pub(crate) struct LifecycleModel {
    pub(crate) moment: Moment,
    pub(crate) ident: Ident,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) is_async: bool,
    pub(crate) context: Option<Type>,
    pub(crate) detail: Option<Type>,
    /// The whole return type if it is a `Result`.
    pub(crate) fallible: Option<Type>,
}
