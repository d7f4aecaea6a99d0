//! A contract's typed client: one method for each of the contract's, two where it reports progress, over
//! `Arc<dyn Invoke>`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;

use super::{Root, at, derived, local, sent};
use crate::model::{ArgModel, ContractModel, MethodModel};

/// `struct ChatProxy` and what it implements.
pub(super) fn proxy(root: &Root, contract: &ContractModel) -> TokenStream {
    let ContractModel {
        name, ident, vis, ..
    } = contract;
    let proxy = format_ident!("{ident}Proxy");
    let text = proxy.to_string();
    let doc =
        format!(" Calls the hub `{name}` through a client: [`{ident}`] as its callers see it.");
    let methods = contract
        .methods
        .iter()
        .map(|method| self::method(root, contract, method));
    let derived = derived();
    quote_spanned! {Span::mixed_site()=>
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub)]
        #vis struct #proxy {
            client: #root::Arc<dyn #root::Invoke>,
        }

        #derived
        impl #root::Clone for #proxy {
            fn clone(&self) -> Self {
                Self { client: #root::Clone::clone(&self.client) }
            }
        }

        #derived
        impl #root::fmt::Debug for #proxy {
            fn fmt(&self, f: &mut #root::fmt::Formatter<'_>) -> #root::fmt::Result {
                f.debug_struct(#text).finish_non_exhaustive()
            }
        }

        #derived
        impl #root::Proxy for #proxy {
            const HUB: &'static str = #name;

            fn over(client: #root::Arc<dyn #root::Invoke>) -> Self {
                Self { client }
            }
        }

        #derived
        impl #proxy {
            #(#methods)*
        }
    }
}

fn method(root: &Root, contract: &ContractModel, method: &MethodModel) -> TokenStream {
    let MethodModel {
        ident,
        wire,
        cfgs,
        docs,
        args,
        ..
    } = method;
    let vis = &contract.vis;
    let documented = docs.iter().any(|attr| attr.path().is_ident("doc"));
    let doc = (!documented).then(|| {
        let text = format!(" Calls `{wire}` on the hub `{}`.", contract.name);
        quote_spanned!(Span::mixed_site()=> #[doc = #text])
    });
    let params = parameters(args);
    let values = sent(args);
    let value = &method.output.value;
    let invoke = root.at(at(value));
    let invoke = quote_spanned!(at(value)=> #invoke::invoke::<#value>);
    let reporting = method
        .progress
        .as_ref()
        .map(|progress| reporting(root, contract, method, progress));
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #(#docs)*
        #doc
        #vis async fn #ident(&self #(, #params)*) -> #root::Result<#value, #root::CallError> {
            let args = #root::arguments(&[#(#values),*]);
            #invoke(&*self.client, <Self as #root::Proxy>::HUB, #wire, args).await
        }

        #reporting
    }
}

/// The same method once more, for callers who want to hear of its progress.
fn reporting(
    root: &Root,
    contract: &ContractModel,
    method: &MethodModel,
    progress: &Type,
) -> TokenStream {
    let MethodModel {
        ident,
        wire,
        cfgs,
        docs,
        args,
        ..
    } = method;
    let vis = &contract.vis;
    let deprecated = docs.iter().filter(|attr| !attr.path().is_ident("doc"));
    let name = format_ident!("{ident}_with_progress", span = at(ident));
    let doc = format!(
        " As [`{0}`](Self::{0}), and gives `report` each report of its progress, in order.",
        ident.unraw()
    );
    let (params, values) = (parameters(args), sent(args));
    let mut report = format_ident!("report", span = Span::mixed_site());
    while args.iter().any(|arg| arg.ident == report) {
        report = format_ident!("{report}_", span = Span::mixed_site());
    }
    let value = &method.output.value;
    let invoke = root.at(at(value));
    let invoke = quote_spanned!(at(value)=> #invoke::invoke_with_progress::<#value, _>);
    let reported = root.at(at(progress));
    let reported = quote_spanned!(at(progress)=> <#progress as #reported::Reports>::Report);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #(#deprecated)*
        #[doc = #doc]
        #vis async fn #name(
            &self,
            #(#params,)*
            #report: impl #root::FnMut(#reported) + #root::Send,
        ) -> #root::Result<#value, #root::CallError> {
            let args = #root::arguments(&[#(#values),*]);
            #invoke(&*self.client, <Self as #root::Proxy>::HUB, #wire, args, #report).await
        }
    }
}

fn parameters(args: &[ArgModel]) -> impl Iterator<Item = TokenStream> {
    args.iter().map(|arg| {
        let (local, ty) = (local(&arg.ident), &arg.ty);
        quote_spanned!(Span::mixed_site()=> #local: #ty)
    })
}
