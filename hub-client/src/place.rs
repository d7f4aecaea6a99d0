//! [`Place`]: what a cursor of our own server says. Those of others are opaque.

/// A place in a server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which log: places in different ones don't compare.
    pub(crate) epoch: u64,
    /// How far.
    pub(crate) order: u64,
    /// How far what was kept for the client has come, which is replayed beside: events up to here are of that.
    pub(crate) replayed: Option<u64>,
}

impl Place {
    /// Reads `d-<EPOCH>-<ORDER>[.<REPLAYED>]`.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
        let (epoch, order) = cursor.strip_prefix("d-")?.split_once('-')?;
        let (order, replayed) = match order.split_once('.') {
            Some((order, replayed)) => (order, Some(hex(replayed)?)),
            None => (order, None),
        };
        Some(Self {
            epoch: hex(epoch)?,
            order: hex(order)?,
            replayed,
        })
    }
}

fn hex(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cursors_are_read_and_others_are_not() {
        let place = |epoch, order, replayed| {
            Some(Place {
                epoch,
                order,
                replayed,
            })
        };
        assert_eq!(Place::parse("d-4E3C-2F"), place(0x4E3C, 0x2F, None));
        assert_eq!(
            Place::parse("d-4e3c-2F.1A"),
            place(0x4E3C, 0x2F, Some(0x1A))
        );
        let last = "d-1-FFFFFFFFFFFFFFFF";
        assert_eq!(Place::parse(last), place(1, u64::MAX, None));
        for other in [
            "",
            "d-1",
            "d-1-",
            "d-1-B,0|C,0",
            "d--1",
            "d-1-+1",
            "d-1-1.",
            "s-1-1",
            "d-1-10000000000000000",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}
