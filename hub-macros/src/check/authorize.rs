//! Conditions on callers: where they may stand, and what is in them.

use syn::LitStr;

use super::method::Role;
use crate::model::{AuthorizeModel, Moment};
use crate::recover::Errors;
use crate::syntax::Authorize;

/// Where callbacks are asked for conditions.
const CALLBACKS: &str =
    "callbacks are sent to whom the hub chooses: put `authorize` on the hub, which clients call";

/// The conditions of a hub or a contract.
pub(super) fn of_hub(conditions: &[Authorize], errors: &mut Errors) -> Vec<AuthorizeModel> {
    let conditions = conditions.iter();
    conditions.map(|condition| one(condition, errors)).collect()
}

/// The conditions of a method.
pub(super) fn of_method(
    role: Role,
    conditions: &[Authorize],
    errors: &mut Errors,
) -> Vec<AuthorizeModel> {
    let whole = match role {
        Role::Hub => "the hub's `impl`",
        Role::Contract => "the trait",
        Role::Callback => {
            of_callbacks(conditions, errors);
            return Vec::new();
        }
    };
    for condition in conditions {
        if let Some((key, _)) = &condition.require_outgoing {
            errors.on(
                key,
                format!(
                    "outgoing authorization can only be required for an entire hub, not a specific method: move this \
                     to the `#[hub(authorize(..))]` of {whole}"
                ),
            );
        }
    }
    of_hub(conditions, errors)
}

/// Callbacks have none.
pub(super) fn of_callbacks(conditions: &[Authorize], errors: &mut Errors) {
    refuse(conditions, CALLBACKS, errors);
}

/// What the server calls has none.
pub(super) fn of_lifecycle(moment: Moment, conditions: &[Authorize], errors: &mut Errors) {
    let message = format!(
        "clients don't call `{}`: put `authorize` on the hub or on its methods",
        moment.name()
    );
    refuse(conditions, &message, errors);
}

/// Reports conditions where none may stand.
pub(super) fn refuse(conditions: &[Authorize], message: &str, errors: &mut Errors) {
    for condition in conditions {
        errors.at(condition.place, message);
    }
}

fn one(condition: &Authorize, errors: &mut Errors) -> AuthorizeModel {
    let mut names = |names: &Option<Vec<LitStr>>, what: &str| {
        let names = names.clone().unwrap_or_default();
        for name in &names {
            if name.value().trim().is_empty() {
                errors.on(
                    name,
                    format!("{what} can't be empty: write it or remove it"),
                );
            }
        }
        names
    };
    AuthorizeModel {
        roles: names(&condition.roles, "a role"),
        users: names(&condition.users, "a user's name"),
        check: condition.check.clone(),
        require_outgoing: condition
            .require_outgoing
            .as_ref()
            .map(|(_, required)| required.clone()),
    }
}
