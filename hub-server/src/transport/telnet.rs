//! [`Telnet`]: what a telnet client says beside the text, taken out.

use bytes::{BufMut, BytesMut};

const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// Where in a command the stream is; commands may be cut anywhere.
#[derive(Debug, Default)]
pub(super) enum Telnet {
    #[default]
    Text,
    Command,
    Option,
    Sub,
    SubCommand,
}

impl Telnet {
    /// Copies what is text.
    pub(super) fn clean(&mut self, bytes: &[u8], out: &mut BytesMut) {
        for &byte in bytes {
            *self = match (&*self, byte) {
                (Self::Text, IAC) => Self::Command,
                (Self::Text, byte) => {
                    out.put_u8(byte);
                    Self::Text
                }
                (Self::Command, SB) => Self::Sub,
                (Self::Command, WILL..=DONT) => Self::Option,
                (Self::Sub, IAC) => Self::SubCommand,
                (Self::SubCommand, SE) | (Self::Command | Self::Option, _) => Self::Text,
                (Self::Sub | Self::SubCommand, _) => Self::Sub,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out_wherever_they_are_cut() {
        let said = [
            &b"a"[..],
            &[IAC, WILL, 1],
            b"b",
            &[IAC, SB, 31, 0, IAC, IAC, 80, IAC, SE],
            b"c",
            &[IAC, 241],
            b"d",
        ]
        .concat();
        for cut in 0..said.len() {
            let (mut telnet, mut out) = (Telnet::default(), BytesMut::new());
            let (head, tail) = said.split_at(cut);
            telnet.clean(head, &mut out);
            telnet.clean(tail, &mut out);
            assert_eq!(&*out, b"abcd", "{cut}");
        }
    }
}
