//! Mistakes: collected here, each under the token at fault, and reported beside the user's item, so that one mistake
//! is one error and completion keeps working.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Signature;

use crate::model::Model;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds a mistake that covers these tokens.
    pub(crate) fn on(&mut self, tokens: &impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake at a place.
    pub(crate) fn at(&mut self, place: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(place, message));
    }

    /// Adds what a parser found.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        self.0.is_some()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// The messages, in the order in which they were found.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.0
            .iter()
            .flatten()
            .map(|error| error.to_string())
            .collect()
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.as_ref().map(syn::Error::to_compile_error));
    }
}

/// What is left of a model when its item has mistakes: the methods that are right stay, so that nothing that uses them
/// fails as well, and nothing is announced.
pub(crate) fn smallest(mut model: Model) -> Model {
    match &mut model {
        Model::Hub(hub) => hub.discover = false,
        Model::Implementation(implementation) => implementation.discover = false,
        Model::Contract(_) | Model::Callbacks(_) => {}
    }
    model
}

/// A method with this signature that is never called, since nothing that contains it compiles.
pub(crate) fn stub(signature: &Signature) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        #signature { loop {} }
    }
}
