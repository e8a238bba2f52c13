//! Plain characters: those that need no escape in a JSON string.

/// Whether a unit needs no escape in JSON: printable ASCII and DEL, except `"` and `\`.
pub(super) fn is_plain(unit: u16) -> bool {
    unit.wrapping_sub(0x20) < 0x60 && unit != 0x22 && unit != 0x5c
}

pub(super) fn is_ascii(units: &[u16; CHUNK]) -> bool {
    units.iter().fold(0, |all, unit| all | unit) < 0x80
}

/// Whether all bytes are plain. The loop has no early exit, so the compiler vectorises it.
pub(super) fn are_plain(bytes: &[u8; CHUNK]) -> bool {
    !bytes
        .iter()
        .fold(false, |any, &byte| any | !is_plain(byte.into()))
}

/// The number of plain bytes before the first that is not.
pub(super) fn plain_bytes(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<CHUNK>();
    let start = chunks.iter().take_while(|chunk| are_plain(chunk)).count() * CHUNK;
    start
        + bytes[start..]
            .iter()
            .take_while(|&&byte| is_plain(byte.into()))
            .count()
}

/// Converts ASCII units to bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only used where the units are below 0x80; a checked cast is not vectorised"
)]
pub(super) fn narrow(units: &[u16; CHUNK]) -> [u8; CHUNK] {
    units.map(|unit| unit as u8)
}

/// Units or bytes that are checked in one step, without a branch.
pub(super) const CHUNK: usize = 64;
