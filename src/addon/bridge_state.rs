//! The bridge, and the answers of the bridge as JavaScript gets them.

use std::collections::HashMap;

use http::HeaderMap;

use super::constants::answer;
use crate::http::names::written;
use crate::ingress::bridge::{Answer, Bridge};

/// The bridge, and what JavaScript fetches after an answer.
#[derive(Debug, Default)]
pub(super) struct BridgeState {
    pub(super) bridge: Bridge,
    blocks: HeaderBlocks,
    /// The body of the last complete response.
    body: Vec<u8>,
}

impl BridgeState {
    /// The number that JavaScript gets for an answer: see `answer`. What it fetches after that is kept.
    pub(super) fn encode(&mut self, answer: Answer) -> u32 {
        let (status, headers, bits) = match answer {
            Answer::Body => return answer::READ_BODY,
            Answer::Wait => return answer::WAIT,
            Answer::Full(response) => {
                let (head, body) = response.into_parts();
                self.body = body.into();
                let body = if self.body.is_empty() {
                    0
                } else {
                    answer::BODY
                };
                (head.status, head.headers, answer::WHOLE | body)
            }
            Answer::Stream {
                response,
                has_opened,
                has_bytes,
            } => {
                let (head, ()) = response.into_parts();
                let opened = if has_opened { answer::OPENED } else { 0 };
                let body = if has_bytes { answer::BODY } else { 0 };
                (head.status, head.headers, opened | body)
            }
        };
        let (number, is_new) = self.blocks.number(header_lines(&headers));
        let new = if is_new { answer::NEW_HEADERS } else { 0 };
        u32::from(status.as_u16()) | bits | new | number << answer::HEADERS_SHIFT
    }

    /// The headers with this number, as `name: value` lines.
    pub(super) fn headers(&self, number: u32) -> Option<&str> {
        self.blocks.texts.get(number as usize).map(String::as_str)
    }

    /// The body of the last complete response.
    pub(super) fn take_body(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }
}

/// The headers of responses, by number. There are few different ones. JavaScript has them under the same numbers.
#[derive(Debug, Default)]
struct HeaderBlocks {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
    /// The number that the next new block gets when all are in use.
    oldest: usize,
}

const MAX_BLOCKS: usize = 256;

impl HeaderBlocks {
    /// The number of a block, and whether JavaScript does not have it under this number.
    fn number(&mut self, text: String) -> (u32, bool) {
        if let Some(&number) = self.numbers.get(&text) {
            return (number, false);
        }
        let index = if self.texts.len() < MAX_BLOCKS {
            self.texts.push(String::new());
            self.texts.len() - 1
        } else {
            let oldest = self.oldest;
            self.oldest = (oldest + 1) % MAX_BLOCKS;
            self.numbers.remove(&self.texts[oldest]);
            oldest
        };
        self.texts[index].clone_from(&text);
        let number = u32::try_from(index).unwrap_or(0);
        self.numbers.insert(text, number);
        (number, true)
    }
}

fn header_lines(map: &HeaderMap) -> String {
    let mut lines = String::with_capacity(256);
    for (name, value) in map {
        lines.extend(written(name).map(char::from));
        lines.push_str(": ");
        lines.extend(value.as_bytes().iter().copied().map(char::from));
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_blocks_keep_their_numbers_until_all_are_in_use() {
        let mut blocks = HeaderBlocks::default();
        assert_eq!(blocks.number("a".into()), (0, true));
        assert_eq!(blocks.number("b".into()), (1, true));
        assert_eq!(blocks.number("a".into()), (0, false));
        for other in 2..MAX_BLOCKS {
            blocks.number(other.to_string());
        }
        assert_eq!(blocks.number("one more".into()), (0, true));
        assert_eq!(blocks.number("b".into()), (1, false));
        assert_eq!(blocks.number("a".into()), (1, true));
        assert_eq!(blocks.numbers.len(), MAX_BLOCKS);
    }
}
