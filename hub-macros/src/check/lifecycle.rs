//! The lifecycle methods of a hub together: each moment is written once, in one of its spellings.

use syn::{Attribute, ImplItemFn};

use crate::model::Moment;
use crate::recover::Errors;
use crate::syntax::Helper;

/// Reports moments that a hub writes in both spellings, at the second; gives those. Methods under `#[cfg]` may never be
/// there together.
pub(super) fn written_twice<'a>(
    functions: impl Iterator<Item = (&'a ImplItemFn, &'a Helper)>,
    errors: &mut Errors,
) -> Vec<Moment> {
    let mut written = Vec::new();
    let mut twice = Vec::new();
    for (function, helper) in functions {
        let is_cfg = |attr: &Attribute| attr.path().is_ident("cfg");
        let Some(moment) = Moment::of(&function.sig.ident) else {
            continue;
        };
        let is_told = helper.skip.is_none() && function.sig.receiver().is_some();
        if !is_told || function.attrs.iter().any(is_cfg) {
            continue;
        }
        if let Some(other) = moment
            .other_spelling()
            .filter(|other| written.contains(other))
        {
            let (own, other) = (moment.name(), other.name());
            errors.on(
                &function.sig.ident,
                format!(
                    "`{own}` and `{other}` are one moment: put what both do into one of them and remove the other"
                ),
            );
            twice.push(moment);
        }
        written.push(moment);
    }
    twice
}
