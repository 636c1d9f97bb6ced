//! Writes DER: one value of fewer than 64 KiB.

pub(crate) const SEQUENCE: u8 = 0x30;

/// The value with this tag and content, or `None` if `content` has 64 KiB or more.
///
/// For names and keys that libraries return without their header.
pub(crate) fn encode(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..0x80) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    Some([head, content].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_can_be() {
        for (length, head) in [
            (0, &[0x30, 0][..]),
            (0x7f, &[0x30, 0x7f]),
            (0x80, &[0x30, 0x81, 0x80]),
            (0xff, &[0x30, 0x81, 0xff]),
            (0x100, &[0x30, 0x82, 1, 0]),
            (0xffff, &[0x30, 0x82, 0xff, 0xff]),
        ] {
            let der = encode(SEQUENCE, &vec![7; length]).unwrap();
            assert_eq!(&der[..head.len()], head);
            assert_eq!(der.len(), head.len() + length);
        }
        assert_eq!(encode(SEQUENCE, &vec![7; 0x1_0000]), None);
    }
}
