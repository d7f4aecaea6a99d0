//! `#[hub]` and `#[hub_client]`.

use proc_macro::TokenStream;

/// Makes a hub.
#[proc_macro_attribute]
pub fn hub(_attr: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Makes a trait of callbacks.
#[proc_macro_attribute]
pub fn hub_client(_attr: TokenStream, item: TokenStream) -> TokenStream {
    item
}
