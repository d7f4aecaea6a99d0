//! `check` on `syn::parse_quote!` input: what the rules make of an item.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse_quote;

use super::*;
use crate::model::Moment;
use crate::syntax;

fn run(kind: Kind, attr: TokenStream, item: &impl ToTokens) -> (Option<Model>, Vec<String>) {
    let mut errors = Errors::default();
    let source = syntax::read(kind, attr, item.to_token_stream(), &mut errors);
    let model = source.and_then(|source| check(&source, &mut errors));
    (model, errors.messages())
}

fn hub_of(item: &ItemImpl) -> HubModel {
    match run(Kind::Hub, TokenStream::new(), item) {
        (Some(Model::Hub(hub)), errors) if errors.is_empty() => hub,
        (_, errors) => panic!("{errors:?}"),
    }
}

fn errors_of(kind: Kind, attr: TokenStream, item: &impl ToTokens) -> Vec<String> {
    run(kind, attr, item).1
}

#[test]
fn a_first_reference_is_the_context_and_the_last_progress_is_the_sink() {
    let hub = hub_of(&parse_quote! {
        impl Chat {
            fn all(&self, anything: &whatever::It, room: String, sink: my::Progress<u8>) {}
            fn none(&self, room: String) {}
        }
    });
    let [all, none] = &hub.methods[..] else {
        panic!("two methods");
    };
    assert!(all.context.is_some() && all.progress.is_some());
    assert_eq!(all.args.len(), 1);
    assert!(none.context.is_none() && none.progress.is_none());
}

#[test]
fn only_options_at_the_end_are_optional() {
    let hub = hub_of(&parse_quote! {
        impl Chat {
            fn f(&self, a: Option<u8>, b: u8, c: std::option::Option<u8>, d: Option<Vec<u8>>, p: Progress<u8>) {}
        }
    });
    let method = &hub.methods[0];
    assert_eq!(method.optional, 2);
    let optional: Vec<_> = method
        .args
        .iter()
        .map(|arg| arg.optional.is_some())
        .collect();
    assert_eq!(optional, [false, false, true, true]);
}

#[test]
fn a_result_is_what_is_called_result() {
    let hub = hub_of(&parse_quote! {
        impl Chat {
            fn a(&self) {}
            fn b(&self) -> u8 { 1 }
            fn c(&self) -> Result<u8, E> { Ok(1) }
            fn d(&self) -> io::Result<Vec<u8>> { Ok(vec![]) }
            fn e(&self) -> fmt::Result { Ok(()) }
        }
    });
    let outputs: Vec<_> = hub
        .methods
        .iter()
        .map(|method| (method.output.fallible, names::written(&method.output.value)))
        .collect();
    let expected = [
        (false, "()"),
        (false, "u8"),
        (true, "u8"),
        (true, "Vec<u8>"),
        (true, "()"),
    ];
    assert_eq!(
        outputs,
        expected.map(|(fallible, value)| (fallible, value.to_owned()))
    );
}

#[test]
fn what_has_no_self_or_is_skipped_is_no_method() {
    let hub = hub_of(&parse_quote! {
        impl Chat {
            fn new() -> Self { Self }
            #[hub(skip)]
            fn helper<T>(&mut self, text: &str) {}
            pub fn send(&self) {}
        }
    });
    let names: Vec<_> = hub.methods.iter().map(|method| &*method.wire).collect();
    assert_eq!(names, ["send"]);
}

#[test]
fn lifecycle_methods_are_found_by_name_in_all_their_forms() {
    let hub = hub_of(&parse_quote! {
        impl Chat {
            async fn on_connected(&self) {}
            fn on_reconnected(&self, cx: &Context, resumed: Resumed) -> Result<(), E> { Ok(()) }
            async fn on_disconnected(&self, stopped: bool) {}
        }
    });
    assert!(hub.methods.is_empty());
    let forms: Vec<_> = hub
        .lifecycle
        .iter()
        .map(|m| {
            (
                m.moment,
                m.context.is_some(),
                m.detail.is_some(),
                m.fallible.is_some(),
            )
        })
        .collect();
    assert_eq!(
        forms,
        [
            (Moment::Connected, false, false, false),
            (Moment::Reconnected, true, true, true),
            (Moment::Disconnected, false, true, false),
        ]
    );
}

#[test]
fn a_closed_hub_hears_why_and_an_expired_client_has_no_context() {
    let hub = hub_of(&parse_quote! {
        impl Chat {
            fn on_opened(&self) {}
            fn on_reopened(&self, cx: &Context) {}
            fn on_closed(&self, reason: Closed) {}
            fn on_expired(&self, gone: Expired) {}
        }
    });
    assert!(hub.methods.is_empty());
    let forms: Vec<_> = hub
        .lifecycle
        .iter()
        .map(|m| (m.moment, m.context.is_some(), m.detail.is_some()))
        .collect();
    assert_eq!(
        forms,
        [
            (Moment::Opened, false, false),
            (Moment::Reopened, true, false),
            (Moment::Closed, false, true),
            (Moment::Expired, false, true),
        ]
    );
    let wrong: ItemImpl =
        parse_quote!(impl Chat { fn on_expired(&self, cx: &Context, gone: Expired) {} });
    let refused = errors_of(Kind::Hub, TokenStream::new(), &wrong);
    assert_eq!(
        refused,
        ["`on_expired` is called by the server: write `(&self, gone: Expired)`"]
    );
}

#[test]
fn a_moment_is_written_in_one_spelling() {
    let run = |item: ItemImpl| run(Kind::Hub, TokenStream::new(), &item);
    let (model, errors) = run(parse_quote! {
        impl Chat {
            fn on_closed(&self) {}
            fn on_connected(&self) {}
            fn on_reopened(&self) {}
            fn on_opened(&self) {}
            fn on_disconnected(&self) {}
        }
    });
    let told = |own, other| {
        format!(
            "`{own}` and `{other}` are one moment: put what both do into one of them and remove the other"
        )
    };
    let expected = [
        told("on_opened", "on_connected"),
        told("on_disconnected", "on_closed"),
    ];
    assert_eq!(errors, expected);
    let Some(Model::Hub(hub)) = model else {
        panic!("a model");
    };
    let kept: Vec<_> = hub.lifecycle.iter().map(|method| method.moment).collect();
    assert_eq!(
        kept,
        [Moment::Closed, Moment::Connected, Moment::Reopened],
        "the first one stays"
    );
    let (_, errors) = run(parse_quote! {
        impl Chat {
            #[cfg(unix)]
            fn on_opened(&self) {}
            #[cfg(windows)]
            fn on_connected(&self) {}
            #[hub(skip)]
            fn on_closed(&self) {}
            fn on_disconnected(&self) {}
        }
    });
    assert!(errors.is_empty(), "{errors:?}");
    let (_, errors) = run(parse_quote! {
        impl Contract for Chat {
            fn on_opened(&self) {}
            fn on_connected(&self) {}
        }
    });
    assert_eq!(errors, [told("on_connected", "on_opened")]);
}

#[test]
fn overloads_may_not_overlap_in_how_many_arguments_they_take() {
    let clashing = |first: TokenStream, second: TokenStream| {
        let item: ItemImpl = parse_quote! {
            impl Chat {
                #[hub(name = "go")]
                fn first(&self, #first) {}
                #[hub(name = "GO")]
                fn second(&self, #second) {}
            }
        };
        errors_of(Kind::Hub, TokenStream::new(), &item).len() == 2
    };
    assert!(clashing(quote!(), quote!()));
    assert!(clashing(quote!(a: u8), quote!(a: String)));
    assert!(clashing(quote!(a: u8), quote!(a: u8, b: Option<u8>)));
    assert!(clashing(
        quote!(a: Option<u8>),
        quote!(a: Option<u8>, b: Option<u8>)
    ));
    assert!(!clashing(quote!(), quote!(a: u8)));
    assert!(!clashing(
        quote!(a: u8, b: Option<u8>),
        quote!(a: u8, b: u8, c: u8)
    ));
    assert!(!clashing(quote!(cx: &Context, a: u8), quote!(cx: &Context)));
    assert!(!clashing(quote!(p: Progress<u8>), quote!(a: u8)));
}

#[test]
fn methods_under_cfg_may_stand_in_for_each_other() {
    let item: ItemImpl = parse_quote! {
        impl Chat {
            #[cfg(unix)]
            fn go(&self) {}
            #[cfg(windows)]
            fn go(&self) {}
        }
    };
    assert_eq!(hub_of(&item).methods.len(), 2);
}

#[test]
fn all_mistakes_are_collected_and_what_is_right_stays() {
    let item: ItemImpl = parse_quote! {
        impl Chat {
            fn a(&self, x: u8, y: &str) {}
            fn b<T>(&mut self) {}
            fn c(&self, x: Vec<&[u8]>, y: impl Copy) {}
            fn right(&self) {}
        }
    };
    let (model, errors) = run(Kind::Hub, quote!(colour), &item);
    assert_eq!(errors.len(), 6, "{errors:#?}");
    let Some(Model::Hub(hub)) = model else {
        panic!("a model");
    };
    assert_eq!(hub.methods.len(), 1);
}

#[test]
fn messages_say_what_to_write_instead() {
    let instead = |ty: TokenStream| {
        let item: ItemImpl = parse_quote!(impl Chat { fn f(&self, a: u8, b: #ty) {} });
        errors_of(Kind::Hub, TokenStream::new(), &item).join("; ")
    };
    assert_eq!(
        instead(quote!(&str)),
        "hub arguments are owned: use `String`"
    );
    assert_eq!(
        instead(quote!(&[my::Point])),
        "hub arguments are owned: use `Vec<my::Point>`"
    );
    assert_eq!(
        instead(quote!(Option<&Point>)),
        "hub arguments are owned: use `Point`"
    );
    assert!(instead(quote!(&Context)).starts_with("the context comes first"));
    assert!(
        instead(quote!(Box<dyn Fn(&str)>)).is_empty(),
        "not an argument's own reference"
    );
}

#[test]
fn a_hub_without_a_name_of_its_own_is_refused() {
    let item: ItemImpl = parse_quote!(
        impl (u8, u8) {}
    );
    let (model, errors) = run(Kind::Hub, TokenStream::new(), &item);
    assert!(model.is_none());
    assert_eq!(
        errors,
        ["a hub is a type of your crate: write `impl ChatHub { .. }`"]
    );
}

#[test]
fn callbacks_return_nothing_but_a_result() {
    let errors = |output: TokenStream| {
        let item: ItemTrait = parse_quote!(trait C { async fn f(&self) #output; });
        errors_of(Kind::Client, TokenStream::new(), &item).len()
    };
    assert_eq!(errors(quote!(-> Result<(), HubError>)), 0);
    assert_eq!(errors(quote!(-> Result<(), MyError>)), 0);
    assert_eq!(errors(quote!()), 1);
    assert_eq!(errors(quote!(-> ())), 1);
    assert_eq!(errors(quote!(-> Result<u8, HubError>)), 1);
}

#[test]
fn sixteen_arguments_are_the_most_that_can_be_sent() {
    let with = |count: usize| {
        let args = (0..count).map(|place| quote::format_ident!("a{place}"));
        let item: ItemTrait = parse_quote!(trait C { async fn f(&self #(, #args: u8)*); });
        errors_of(Kind::Hub, TokenStream::new(), &item).len()
    };
    assert_eq!((with(16), with(17)), (0, 1));
}
