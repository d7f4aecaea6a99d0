//! The attributes of *hub*: [`macro@hub`] makes hubs and contracts, [`macro@hub_client`] makes callbacks. Use them through
//! `hub-core`, `hub-server` or `hub-client`, which re-export them; the twins named `.._for_server` and `.._for_client` are
//! what the latter two call `hub` and `hub_client`, so that users need one crate.
//!
//! Four stages, nothing crosses them: `syntax` (tokens to a leniently parsed item), `check` (all mistakes at once),
//! `model`, `emit`. `recover` keeps an item with mistakes in a shape that causes no further ones.

mod check;
mod emit;
mod model;
mod names;
mod recover;
mod syntax;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use syntax::Kind;

/// What an attribute expands to. `root` is the crate whose `__private` the generated code refers to.
fn expand(kind: Kind, root: &str, attr: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = recover::Errors::default();
    let Some(mut source) = syntax::read(kind, attr, item.clone(), &mut errors) else {
        return quote!(#item #errors);
    };
    let root = emit::Root::new(source.options.root.take(), root);
    let mut model = check::check(&source, &mut errors);
    if errors.any() {
        model = model.map(recover::smallest);
    }
    let expansion = emit::emit(&root, source.item, model.as_ref());
    quote!(#expansion #errors)
}

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident: $kind:ident at $root:literal;)*) => {$(
        $(#[$doc])*
        #[proc_macro_attribute]
        pub fn $name(
            attr: proc_macro::TokenStream,
            item: proc_macro::TokenStream,
        ) -> proc_macro::TokenStream {
            expand(Kind::$kind, $root, attr.into(), &item.into()).into()
        }
    )*};
}

attributes! {
    /// Makes a hub of an `impl`, or a contract of a trait.
    ///
    /// ```
    /// use hub_core::{Context, HubError, Progress, hub};
    ///
    /// #[derive(Default)]
    /// struct ChatHub;
    ///
    /// #[hub]
    /// impl ChatHub {
    ///     async fn send(&self, cx: &Context, room: String, text: Option<String>) -> Result<(), HubError> {
    ///         let text = text.unwrap_or_else(|| "hello".to_owned());
    ///         Ok(cx.clients().group(&room).send("message", (cx.user(), text)).await?)
    ///     }
    ///
    ///     async fn count(&self, upto: u32, progress: Progress<u32>) -> Result<u32, HubError> {
    ///         for number in 0..upto {
    ///             progress.report(number).await?;
    ///         }
    ///         Ok(upto)
    ///     }
    ///
    ///     async fn on_disconnected(&self, cx: &Context, stopped: bool) {
    ///         println!("{} has gone, {stopped}", cx.user());
    ///     }
    ///
    ///     #[hub(skip)]
    ///     fn helper(&self) {}
    /// }
    /// ```
    ///
    /// # Methods
    /// * Every method with `&self` can be called, public or not, `async` or not, unless it is marked `#[hub(skip)]`.
    /// * Arguments are owned, so a first parameter that is a reference is the `&Context`. A last parameter whose type is
    ///   named `Progress` is the sink for reports and no argument. Arguments of type `Option` at the end may be missing.
    /// * A return type that is named `Result` is one, of any error that becomes a `HubError`; any other is the value.
    /// * `on_connected(&self, cx: &Context)`, `on_reconnected(&self, cx: &Context, resumed: Resumed)` and
    ///   `on_disconnected(&self, cx: &Context, stopped: bool)` are called by the server. In a plain hub each may leave out
    ///   what it does not need, and return nothing or a `Result`. So are
    ///   * `on_opened`, `on_connected` by another name;
    ///   * `on_reopened(&self, cx: &Context)`, in its place for a client that is known again (by its persistent id) and for
    ///     which something was kept;
    ///   * `on_closed(&self, cx: &Context, reason: Closed)`, `on_disconnected` with the reason;
    ///   * `on_pressure(&self, cx: &Context, pressure: Pressure)`: a client reads slowly, or no longer does;
    ///   * `on_expired(&self, gone: Expired)`: a client was away for longer than what was kept for it lasts.
    ///
    ///   A hub writes `on_connected` or `on_opened`, and `on_disconnected` or `on_closed`; without `on_reopened` the former
    ///   is called for every client.
    ///
    /// # Names
    /// `send_all` is `sendAll` on the wire, `ChatHub` is `chatHub`; callers may write them in any case. `name = ".."` on
    /// the item or `#[hub(name = "..")]` on a method says otherwise. Methods may share a name if no number of arguments
    /// fits two of them.
    ///
    /// # Who may call
    /// Without `authorize` everybody may. With it, on the item for the whole hub or as `#[hub(authorize)]` on a method,
    /// callers have to fulfil something:
    /// * `authorize`: be authenticated;
    /// * `authorize = "admin"`: have this role;
    /// * `authorize(..)`: everything in the parentheses, at least one of
    ///   * `roles("admin", "op")`: have one of the roles,
    ///   * `users("ann", "bob")`: be one of the users, whatever the case of the name,
    ///   * `check = path::to::function`: be accepted by a `fn(&Identity, &Request) -> bool`, which is asked instead of whether
    ///     they are authenticated,
    ///   * `require_outgoing = false`, for a whole hub: everybody may connect and listen, only calls ask for the rest.
    ///
    /// All that is written has to be fulfilled, of a hub and of its method, in one attribute or several; a name is taken
    /// whole, commas and all. A hub's conditions are also asked before a connection may listen to it. A contract's stand on
    /// its trait and the trait's methods and hold for every hub that keeps it.
    ///
    /// ```
    /// use hub_core::{Identity, Request, hub};
    ///
    /// struct Files;
    ///
    /// #[hub(authorize, authorize(users("ann", "bob"), require_outgoing = false))]
    /// impl Files {
    ///     async fn read(&self, name: String) -> String {
    ///         format!("what {name} says")
    ///     }
    ///
    ///     #[hub(authorize(roles("admin", "op")))]
    ///     async fn delete(&self, name: String) {}
    ///
    ///     #[hub(name = "purge", authorize = "admin", authorize(check = Self::is_inside))]
    ///     async fn delete_all(&self) {}
    ///
    ///     // Without `&self` it can't be called from outside.
    ///     fn is_inside(_: &Identity, request: &Request) -> bool {
    ///         request.header("x-from").is_some_and(|from| from == "inside")
    ///     }
    /// }
    /// ```
    ///
    /// # Contracts
    /// On a trait the attribute also generates a client's side, `ChatProxy` for `trait Chat`, and `#[hub]` on `impl Chat for
    /// ChatHub` makes the hub. A method with a `Progress` can be called in two ways: `chat.pack(files)` ignores the reports,
    /// `chat.pack_with_progress(files, |report| ..)` is given them. The trait's `async fn`s return `Send` futures, and it has the lifecycle methods above, which
    /// an `impl` writes whole or not at all.
    ///
    /// ```
    /// use hub_core::{CallError, Context, HubError, hub};
    ///
    /// #[hub]
    /// pub trait Chat {
    ///     async fn send(&self, cx: &Context, text: String) -> Result<(), HubError>;
    /// }
    ///
    /// #[derive(Default)]
    /// struct ChatHub;
    ///
    /// #[hub]
    /// impl Chat for ChatHub {
    ///     async fn send(&self, cx: &Context, text: String) -> Result<(), HubError> {
    ///         Ok(cx.clients().all().send("message", (text,)).await?)
    ///     }
    /// }
    ///
    /// async fn greet(chat: &ChatProxy) -> Result<(), CallError> {
    ///     chat.send("hello".to_owned()).await
    /// }
    /// ```
    ///
    /// # Options
    /// * `name = ".."`: the hub's name, without dots.
    /// * `authorize`, `authorize = ".."`, `authorize(..)`: who may call, see above.
    /// * `sequential`: on an `impl`; the calls of one connection to this hub run one at a time, in the order in which they
    ///   came, on every wire. The next one starts when one has ended, so a call must not wait for a later one of its own
    ///   connection. Without it they start in order and go on side by side.
    /// * `discover`: on an `impl`; the server's `discover()` finds the hub and makes it with `Default`. A crate that nothing
    ///   refers to is not linked and announces nothing: name it (`use my_hubs as _;`).
    /// * `crate = path`: the crate that generated code goes through, where it is re-exported under another name.
    ///
    /// They may be spread over several `#[hub(..)]`.
    hub: Hub at "hub_core";
    /// Makes a trait of callbacks: what the server calls on its clients.
    ///
    /// ```
    /// use hub_core::{Context, HubError, hub, hub_client};
    ///
    /// #[hub_client]
    /// pub trait ChatClient {
    ///     async fn message(&self, user: String, text: String) -> Result<(), HubError>;
    /// }
    ///
    /// // A server sends through it: `Audience` implements the trait.
    /// struct ChatHub;
    ///
    /// #[hub]
    /// impl ChatHub {
    ///     async fn send(&self, cx: &Context, text: String) -> Result<(), HubError> {
    ///         cx.clients().others().message(cx.user().to_owned(), text).await
    ///     }
    /// }
    ///
    /// // A client implements it, and `ChatClientEvents(Page)` hands it the events.
    /// struct Page;
    ///
    /// impl ChatClient for Page {
    ///     async fn message(&self, user: String, text: String) -> Result<(), HubError> {
    ///         println!("{user}: {text}");
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// Callbacks are `async`, take owned arguments (at most sixteen) and return `Result<(), HubError>`. Names are as for
    /// hubs, with `#[hub(name = "..")]` on a method to change one; no two may be the same. Those of `Audience`'s own
    /// methods (`send`, `send_payload`, `except`) are taken. A handler is called for as many arguments as it has;
    /// `Option`s at the end may be missing.
    hub_client: Client at "hub_core";
    /// `#[hub]` of `hub-server`.
    hub_for_server: Hub at "hub_server";
    /// `#[hub_client]` of `hub-server`.
    hub_client_for_server: Client at "hub_server";
    /// `#[hub]` of `hub-client`.
    hub_for_client: Hub at "hub_client";
    /// `#[hub_client]` of `hub-client`.
    hub_client_for_client: Client at "hub_client";
}
