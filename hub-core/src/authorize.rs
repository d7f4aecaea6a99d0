//! [`Authorize`]: who may reach a hub or call a method (`classic-signalr.md` 13.4).

use std::fmt;

use crate::context::{Identity, Request};

/// One condition on whoever wants to reach a hub or call a method. Written as `#[hub(authorize)]`; a hub or method with
/// several asks for all of them.
///
/// A hub's conditions are asked when a connection lists the hub and at every call; a method's at its calls only.
#[derive(Clone, Copy)]
pub struct Authorize {
    users: &'static [&'static str],
    roles: &'static [&'static str],
    check: Option<fn(&Identity, &Request) -> bool>,
    require_outgoing: bool,
}

impl Authorize {
    /// Anybody with a name.
    pub const AUTHENTICATED: Self = Self {
        users: &[],
        roles: &[],
        check: None,
        require_outgoing: true,
    };

    /// Only these users, by name ignoring case.
    #[must_use]
    pub const fn users(mut self, users: &'static [&'static str]) -> Self {
        self.users = users;
        self
    }

    /// Only who has one of these roles.
    #[must_use]
    pub const fn roles(mut self, roles: &'static [&'static str]) -> Self {
        self.roles = roles;
        self
    }

    /// Only whom this function lets pass. It replaces the question for a name: it may let anonymous callers pass.
    #[must_use]
    pub const fn check(mut self, check: fn(&Identity, &Request) -> bool) -> Self {
        self.check = Some(check);
        self
    }

    /// Whether a hub's condition also stands before receiving, which it does unless told otherwise: with `false` everybody
    /// may connect and listen, and only calls are checked.
    #[must_use]
    pub const fn require_outgoing(mut self, required: bool) -> Self {
        self.require_outgoing = required;
        self
    }

    /// Whether somebody may call.
    #[must_use]
    pub fn allows(&self, identity: &Identity, request: &Request) -> bool {
        let known = match self.check {
            Some(check) => check(identity, request),
            None => identity.is_authenticated(),
        };
        known && self.is_user(identity) && self.has_role(identity)
    }

    /// Whether somebody may connect and listen.
    #[must_use]
    pub fn allows_receiving(&self, identity: &Identity, request: &Request) -> bool {
        !self.require_outgoing || self.allows(identity, request)
    }

    fn is_user(&self, identity: &Identity) -> bool {
        let name = identity.name.as_deref().unwrap_or_default().to_lowercase();
        self.users.is_empty() || self.users.iter().any(|user| user.to_lowercase() == name)
    }

    fn has_role(&self, identity: &Identity) -> bool {
        let has = |role: &&str| identity.roles.iter().any(|own| own == role);
        self.roles.is_empty() || self.roles.iter().any(has)
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("users", &self.users)
            .field("roles", &self.roles)
            .field("check", &self.check.is_some())
            .field("require_outgoing", &self.require_outgoing)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(rule: Authorize, name: Option<&str>, roles: &[&str]) -> bool {
        let identity = Identity {
            name: name.map(Into::into),
            ..Identity::default().with_roles(roles.iter().copied())
        };
        rule.allows(&identity, &Request::default())
    }

    #[test]
    fn who_may_call() {
        let known = Authorize::AUTHENTICATED;
        assert!(may(known, Some("ann"), &[]));
        assert!(!may(known, None, &[]));
        let users = known.users(&["Ann", "Émile"]);
        assert!(may(users, Some("ANN"), &[]));
        assert!(may(users, Some("éMILE"), &[]));
        assert!(!may(users, Some("bob"), &[]));
        assert!(!may(known.users(&[""]), None, &[]));
        let roles = known.roles(&["admin", "op"]);
        assert!(may(roles, Some("ann"), &["op"]));
        assert!(!may(roles, Some("ann"), &["Op"]));
        assert!(!may(roles, None, &["op"]));
        assert!(!may(users.roles(&["op"]), Some("ann"), &[]));
    }

    #[test]
    fn a_check_replaces_the_question_for_a_name() {
        let rule = Authorize::AUTHENTICATED.check(|_, request| request.query("k").is_some());
        assert!(!may(rule, Some("ann"), &[]));
        let request = Request {
            query: vec![("k".into(), "1".into())],
            ..Request::default()
        };
        assert!(rule.allows(&Identity::default(), &request));
    }

    #[test]
    fn a_hub_may_be_open_to_listeners() {
        let (nobody, request) = (Identity::default(), Request::default());
        let known = Authorize::AUTHENTICATED;
        assert!(!known.allows_receiving(&nobody, &request));
        let open = known.require_outgoing(false);
        assert!(open.allows_receiving(&nobody, &request));
        assert!(!open.allows(&nobody, &request));
    }
}
