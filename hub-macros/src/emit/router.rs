//! `impl Hub`: the spec, the call by index, the lifecycle and the registration.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;

use super::{Root, at, authorize, derived, lifecycle, moved, quiet};
use crate::model::{
    AuthorizeModel, ContractModel, HubModel, ImplementationModel, MethodModel, Output,
};
use crate::names;

/// `impl Hub` for a plain hub.
pub(super) fn hub(root: &Root, hub: &HubModel) -> TokenStream {
    let HubModel { ty, generics, .. } = hub;
    let (params, _, bounds) = generics.split_for_impl();
    let own = quote!(#ty);
    let spec = spec(root, &own, &hub.name, &hub.methods, &hub.authorize);
    let call = call(root, &quote!(&__HUB_SPEC), &quote!(Self), &hub.methods);
    let lifecycle = hub
        .lifecycle
        .iter()
        .map(|method| lifecycle::method(root, method));
    let lifecycle: TokenStream = lifecycle.collect();
    let order = order(root, hub.sequential);
    let register = hub
        .discover
        .then(|| register(root, ty, &quote!(&__HUB_SPEC)));
    let derived = derived();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            static __HUB_SPEC: #root::HubSpec = #spec;

            #derived
            impl #params #root::Hub for #ty #bounds {
                fn spec(&self) -> &'static #root::HubSpec {
                    &__HUB_SPEC
                }

                fn call<'call>(
                    &'call self,
                    cx: &'call #root::Context,
                    method: usize,
                    mut args: #root::Args,
                ) -> #root::BoxFuture<'call, #root::Result<#root::Reply, #root::HubError>> {
                    #call
                }

                #order
                #lifecycle
            }

            #register
        };
    }
}

/// How calls run, where that is not what it is without a word.
fn order(root: &Root, sequential: bool) -> Option<TokenStream> {
    sequential.then(|| {
        quote_spanned! {Span::mixed_site()=>
            fn order(&self) -> #root::CallOrder {
                #root::CallOrder::Sequential
            }
        }
    })
}

/// `impl Hub` for a type that keeps a contract: everything is in the contract's trait already.
pub(super) fn implementation(root: &Root, hub: &ImplementationModel) -> TokenStream {
    let ImplementationModel {
        contract,
        ty,
        generics,
        ..
    } = hub;
    let (params, _, bounds) = generics.split_for_impl();
    let place = at(contract);
    // One name for everything: a trait that is no contract is one error.
    let door = quote_spanned!(place=> <Self as #contract>::__HUB);
    let lifecycle = lifecycle::of_contract(root, &door);
    let order = order(root, hub.sequential);
    let register = hub.discover.then(|| {
        register(
            root,
            ty,
            &quote_spanned!(place=> <#ty as #contract>::__HUB.spec),
        )
    });
    let derived = derived();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #derived
            impl #params #root::Hub for #ty #bounds {
                fn spec(&self) -> &'static #root::HubSpec {
                    #door.spec
                }

                fn call<'call>(
                    &'call self,
                    cx: &'call #root::Context,
                    method: usize,
                    args: #root::Args,
                ) -> #root::BoxFuture<'call, #root::Result<#root::Reply, #root::HubError>> {
                    (#door.call)(self, cx, method, args)
                }

                #order
                #lifecycle
            }

            #register
        };
    }
}

/// What a contract's trait provides beside its methods.
pub(super) fn contract(root: &Root, contract: &ContractModel) -> TokenStream {
    let ident = &contract.ident;
    let spec = spec(
        root,
        &quote!(Self),
        &contract.name,
        &contract.methods,
        &contract.authorize,
    );
    let call = call(
        root,
        &quote!(Self::__HUB.spec),
        &quote!(<Self as #ident>),
        &contract.methods,
    );
    let defaults = lifecycle::defaults(root, &contract.declared);
    let doors = lifecycle::doors(root, contract);
    let quiet = quiet();
    quote_spanned! {Span::mixed_site()=>
        #defaults

        #[doc(hidden)]
        const __HUB: #root::Contract<Self> = #root::Contract {
            spec: &#spec,
            call: Self::__hub_call,
            #doors
        };

        #[doc(hidden)]
        #quiet
        fn __hub_call<'call>(
            &'call self,
            cx: &'call #root::Context,
            method: usize,
            mut args: #root::Args,
        ) -> #root::BoxFuture<'call, #root::Result<#root::Reply, #root::HubError>> {
            #call
        }
    }
}

fn spec(
    root: &Root,
    own: &TokenStream,
    name: &str,
    methods: &[MethodModel],
    authorize: &[AuthorizeModel],
) -> TokenStream {
    let conditions = |conditions| authorize::authorize(root, own, conditions);

    let methods = methods.iter().map(|method| {
        let MethodModel {
            wire,
            cfgs,
            optional,
            ..
        } = method;
        let params = method.args.iter().map(|arg| {
            let (name, ty) = (&arg.wire, names::written(&arg.ty));
            quote_spanned!(Span::mixed_site()=> #root::ParamSpec { name: #name, ty: #ty })
        });
        let returns = names::written(&method.output.value);
        let authorize = conditions(&method.authorize);
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #root::MethodSpec {
                name: #wire,
                params: &[#(#params),*],
                optional: #optional,
                returns: #returns,
                authorize: #authorize,
            }
        }
    });
    let authorize = conditions(authorize);
    quote_spanned! {Span::mixed_site()=>
        #root::HubSpec {
            name: #name,
            methods: &[#(#methods),*],
            authorize: #authorize,
        }
    }
}

/// The body of `call`: reads the arguments of the method at `method`, then boxes what calls it.
fn call(
    root: &Root,
    spec: &TokenStream,
    target: &TokenStream,
    methods: &[MethodModel],
) -> TokenStream {
    let by_place = methods.iter().all(|method| method.cfgs.is_empty());
    let places = (!by_place).then(|| {
        let places = methods.iter().map(|method| {
            let (ident, cfgs) = (&method.ident, &method.cfgs);
            quote!(#(#cfgs)* #ident)
        });
        // What `#[cfg]` leaves counts itself.
        quote_spanned! {Span::mixed_site()=>
            #[allow(non_camel_case_types)]
            enum __HubPlace { #(#places),* }
        }
    });
    let arms = methods.iter().enumerate().map(|(place, method)| {
        let (ident, cfgs) = (&method.ident, &method.cfgs);
        let body = arm(root, target, method);
        if by_place {
            quote_spanned!(Span::mixed_site()=> #place => { #body })
        } else {
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                place if place == __HubPlace::#ident as usize => { #body }
            }
        }
    });
    quote_spanned! {Span::mixed_site()=>
        #places
        if !#root::fits(#spec, method, &args) {
            return #root::refuse(#root::no_such_method());
        }
        match method {
            #(#arms)*
            _ => #root::refuse(#root::no_such_method()),
        }
    }
}

fn arm(root: &Root, target: &TokenStream, method: &MethodModel) -> TokenStream {
    let refuse = quote_spanned!(Span::mixed_site()=> #root::refuse);
    let (locals, read) = read_arguments(root, &refuse, method);
    let context = method.context.iter().map(|ty| quote_spanned!(at(ty)=> cx));
    let progress = method.progress.iter().map(|ty| {
        let root = root.at(at(ty));
        quote_spanned!(at(ty)=> #root::Context::progress(cx))
    });
    let ident = &method.ident;
    let target = moved(target, at(ident));
    let wait = method.is_async.then(|| quote_spanned!(at(ident)=> .await));
    let call = quote_spanned! {at(ident)=>
        #target::#ident(self, #(#context,)* #(#locals,)* #(#progress,)*) #wait
    };
    let answer = answer(root, &method.output, &call);
    let boxed = root.at(at(ident));
    quote_spanned! {at(ident)=>
        #read
        #boxed::Box::pin(async move { #answer })
    }
}

/// A method's result as a reply; what is wrong with its type is reported at that type.
fn answer(root: &Root, output: &Output, call: &TokenStream) -> TokenStream {
    let place = at(&output.value);
    let reply = root.at(place);
    let reply = quote_spanned!(place=> #reply::Reply::of(&value));
    if !output.fallible {
        return quote_spanned! {Span::mixed_site()=>
            let value = #call;
            #reply
        };
    }
    let convert = convert(root, &output.error);
    quote_spanned! {Span::mixed_site()=>
        match #call {
            #root::Ok(value) => #reply,
            #root::Err(error) => #root::Err(#convert),
        }
    }
}

/// `error` as a `HubError`, reported at its type `ty`.
pub(super) fn convert(root: &Root, ty: &Type) -> TokenStream {
    let root = root.at(at(ty));
    quote_spanned!(at(ty)=> #root::Into::into(error))
}

/// Locals for a method's arguments, and statements that read them from `args`. An argument that can't be read ends the
/// function with `refuse(error)`.
pub(super) fn read_arguments(
    root: &Root,
    refuse: &TokenStream,
    method: &MethodModel,
) -> (Vec<Ident>, TokenStream) {
    let mut locals = Vec::new();
    let mut read = TokenStream::new();
    for (place, arg) in method.args.iter().enumerate() {
        let local = format_ident!("arg{place}", span = Span::mixed_site());
        let name = &arg.wire;
        let next = match &arg.optional {
            Some(ty) => quote_spanned!(at(ty)=> args.next_or_none::<#ty>(#name)),
            None => {
                let ty = &arg.ty;
                quote_spanned!(at(ty)=> args.next::<#ty>(#name))
            }
        };
        read.extend(quote_spanned! {Span::mixed_site()=>
            let #local = match #next {
                #root::Ok(value) => value,
                #root::Err(error) => return #refuse(error),
            };
        });
        locals.push(local);
    }
    (locals, read)
}

fn register(root: &Root, ty: &Type, spec: &TokenStream) -> TokenStream {
    // `Default` is asked for at the user's type.
    let place = root.at(at(ty));
    let value = quote_spanned!(at(ty)=> <#ty as #place::Default>::default());
    quote_spanned! {Span::mixed_site()=>
        #root::inventory::submit! {
            #root::HubRegistration {
                spec: #spec,
                make: || -> #root::Arc<dyn #root::Hub> { #root::Arc::new(#value) },
            }
        }
    }
}
