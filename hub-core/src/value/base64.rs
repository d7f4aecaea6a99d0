//! Base64 as .NET reads it: the standard alphabet, padded, blanks and ends of lines passed over.

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
    use super::decode;

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
        }
        for text in [
            "A", "AQ", "AQI", "AQ=", "AQI==", "AQID=", "====", "=AQI", "A-_D", "AQ==AQ==", "é",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
