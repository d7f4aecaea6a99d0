//! Base64 as .NET reads and writes it: the standard alphabet, padded; blanks and ends of lines are passed over.

/// The text of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * at) & 63) as usize);
            let digit = digit.filter(|_| at <= group.len());
            text.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

/// The bytes of `text`, `None` if it is not base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut digits, mut padding) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes() {
        let digit = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'=' => {
                padding += 1;
                continue;
            }
            _ if padding > 0 => return None,
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xff_ffff;
        digits = (digits + 1) % 4;
        if digits == 0 {
            bytes.extend_from_slice(bits.to_be_bytes().get(1..)?);
        }
    }
    match (digits, padding) {
        (0, 0) => {}
        (2, 2) => bytes.extend_from_slice((bits << 12).to_be_bytes().get(1..2)?),
        (3, 1) => bytes.extend_from_slice((bits << 6).to_be_bytes().get(1..3)?),
        _ => return None,
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"\xfb", "+w=="),
            (b"\xfb\xff", "+/8="),
            (b"\xfb\xff\xbf", "+/+/"),
        ] {
            assert_eq!(encode(bytes), text);
        }
    }

    #[test]
    fn base64_is_decoded_or_refused() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("AQID", b"\x01\x02\x03"),
            ("AQ==", b"\x01"),
            ("AQI=", b"\x01\x02"),
            ("+/+/ \r\n\tAQ= =", b"\xfb\xff\xbf\x01"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes), "{text}");
        }
        for text in [
            "A", "AQ", "AQI", "AQ=", "AQI==", "AQID=", "====", "=AQI", "A-_D", "AQ==AQ==", "é",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
