//! Answers questions about the core; `against-node.js` compares the answers with those of Node. A question is a line
//! with a letter and hexadecimal bytes, an answer is a line of JSON.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufWriter, Write};

use serde_json::{Value, json};
use sockjs_fuzz::gate::installation;
use sockjs_fuzz::json::Element;
use sockjs_fuzz::payloads::Inbox;
use sockjs_rs::http::target::parse_target;
use sockjs_rs::ingress::gate::{Verdict, judge};
use sockjs_rs::protocol::json::{decode_websocket, quote};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (kind, hex) = line.split_at(1);
        writeln!(out, "{}", answer(kind, &bytes(hex)))?;
        // A batch ends with an empty question, and the other side waits for the whole batch.
        if kind == "." {
            out.flush()?;
        }
    }
    Ok(())
}

fn answer(kind: &str, bytes: &[u8]) -> Value {
    match kind {
        // From UTF-16 to the quoted text as UTF-8.
        "q" => {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            let mut out = Vec::new();
            quote(&units, &mut out);
            hex(&out).into()
        }
        // From a payload to its messages, or to null if it is refused.
        "p" => {
            let mut inbox = Inbox::default();
            match decode_websocket(&String::from_utf8_lossy(bytes), true, &mut inbox) {
                Ok(()) => inbox.0.iter().map(element).collect(),
                Err(_) => Value::Null,
            }
        }
        // From a target, each byte of which is a character, to its path.
        "t" => {
            let target: String = bytes.iter().copied().map(char::from).collect();
            parse_target(&target).pathname.into()
        }
        // From a request to the number of its bytes that are ours, or to null.
        "g" => match judge(bytes, installation()) {
            Verdict::Ours(_, len) => len.into(),
            Verdict::Unknown | Verdict::Foreign => Value::Null,
        },
        _ => Value::Null,
    }
}

fn element(element: &Element) -> Value {
    match element {
        Element::Text(units) => {
            let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            json!({ "text": hex(&bytes) })
        }
        Element::Value(json) => json!({ "value": json }),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|char| char.to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
