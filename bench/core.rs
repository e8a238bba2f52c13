//! Benchmarks of the pure core: quoting, decoding of client payloads, websocket frames, routing.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sockjs_rs::http::route::Router;
use sockjs_rs::http::target::parse_target;
use sockjs_rs::protocol::json::{self, Messages};
use sockjs_rs::protocol::rfc6455::{self, Decoder, Incoming, Opcode};
use std::hint::black_box;

/// Bytes of a message: one that fits into a cache line, one of usual size, one that takes many reads.
const SIZES: [usize; 3] = [32, 1024, 65536];

/// Texts that differ in their cost; each is repeated up to the wanted size.
const TEXTS: [(&str, &str); 4] = [
    ("ascii", "The quick brown fox jumps over the lazy dog. "),
    (
        "escapes",
        "{\"name\":\"value\",\"path\":\"C:\\\\x\",\"t\":\"a\\tb\\n\"},",
    ),
    ("multibyte", "Grüße, Привет, Γειά, 世界に, שלום, 안녕 😀 – "),
    ("unsafe", "a\u{2028}b\u{200c}c\u{ffff}"),
];

fn text(pattern: &str, size: usize) -> String {
    let mut text = String::with_capacity(size + 4);
    for char in pattern.chars().cycle() {
        if text.len() >= size {
            return text;
        }
        text.push(char);
    }
    text
}

/// Every sixteenth unit is a surrogate without its other half.
fn lone_surrogates(size: usize) -> Vec<u16> {
    let mut units: Vec<u16> = text(TEXTS[0].1, size).encode_utf16().collect();
    for unit in units.iter_mut().step_by(16) {
        *unit = 0xd83d;
    }
    units
}

fn bytes(count: usize) -> Throughput {
    Throughput::Bytes(count as u64)
}

/// From a JavaScript string to the inside of an `a[…]` frame.
fn quote(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("quote");
    for size in SIZES {
        let texts = TEXTS.map(|(name, pattern)| {
            let units: Vec<u16> = text(pattern, size).encode_utf16().collect();
            (name, units)
        });
        let surrogates = ("lone surrogates", lone_surrogates(size));
        for (name, units) in texts.into_iter().chain([surrogates]) {
            let mut out = Vec::new();
            group.throughput(bytes(units.len() * 2));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    json::quote(black_box(&units), &mut out)
                });
            });
        }
        // Latin-1 messages and JSON arrive as UTF-8 and take another path.
        let ascii = text(TEXTS[0].1, size);
        let mut out = Vec::new();
        group.throughput(bytes(ascii.len()));
        group.bench_function(BenchmarkId::new("ascii from UTF-8", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                json::quote_str(black_box(&ascii), &mut out)
            });
        });
    }
    group.finish();
}

/// Receives messages as the addon does, but makes no JavaScript strings of them.
#[derive(Default)]
struct Sink {
    bytes: usize,
    units: Vec<u16>,
}

impl Messages for Sink {
    fn ascii(&mut self, text: &[u8]) {
        self.bytes += black_box(text).len();
    }

    fn wide(&mut self, fill: &mut dyn FnMut(&mut Vec<u16>)) {
        self.units.clear();
        fill(&mut self.units);
        self.bytes += black_box(&self.units).len();
    }

    fn value(&mut self, json: &str) {
        self.bytes += black_box(json).len();
    }
}

/// From the payload of a client to messages.
fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let mut bench = |name: &str, size: usize, payload: &str| {
        let mut sink = Sink::default();
        group.throughput(bytes(payload.len()));
        group.bench_function(BenchmarkId::new(name, size), |bencher| {
            bencher.iter(|| json::decode_websocket(black_box(payload), true, &mut sink));
        });
    };
    for size in SIZES {
        for (name, pattern) in TEXTS {
            // serde_json writes a JSON string as a browser's JSON.stringify does.
            let string = serde_json::Value::from(text(pattern, size)).to_string();
            bench(name, size, &format!("[{string}]"));
        }
        let surrogates = text("abcdefghi\\ud83d", size);
        let whole = &surrogates[..surrogates.len() / 15 * 15];
        bench("lone surrogates", size, &format!("[\"{whole}\"]"));
        bench("value", size, &format!("[[{}0]]", text("1,", size / 2 * 2)));
    }
    let sixteen = vec![format!("\"{}\"", text(TEXTS[0].1, 32)); 16].join(",");
    bench("16 messages", 32, &format!("[{sixteen}]"));
    group.finish();
}

/// Counts the messages of a decoder.
#[derive(Default)]
struct Frames(usize);

impl Incoming for Frames {
    fn text(&mut self, text: &str) {
        self.0 += black_box(text).len();
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.0 += black_box(bytes).len();
    }

    fn ping(&mut self, _: &[u8]) {}

    fn pong(&mut self, _: &[u8]) {}

    fn violation(&mut self, code: u16, reason: &str) {
        panic!("the decoder found a violation: {code} {reason}");
    }

    fn close(&mut self, code: u16, reason: &str) {
        panic!("the decoder closed with {code} {reason}");
    }
}

/// Masked text frames, as they arrive with one read.
fn client_frames(payload: &[u8], count: usize) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frames = Vec::new();
    for _ in 0..count {
        let start = frames.len();
        rfc6455::encode(Opcode::Text, payload, &mut frames);
        let head = frames.len() - start - payload.len();
        frames[start + 1] |= 0x80;
        frames.splice(start + head..start + head, MASK);
        let masked = frames[start + head + 4..].iter_mut();
        masked
            .zip(MASK.iter().cycle())
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    frames
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    for (size, count) in SIZES.map(|size| (size, 1)).into_iter().chain([(32, 16)]) {
        let payload = text(TEXTS[0].1, size);
        let input = client_frames(payload.as_bytes(), count);
        let mut seen = Frames::default();
        group.throughput(bytes(input.len()));
        group.bench_function(
            BenchmarkId::new(format!("decode {count}"), size),
            |bencher| {
                let mut decoder = Decoder::new(1 << 20);
                bencher.iter_batched_ref(
                    || input.clone(),
                    |input| decoder.feed(black_box(input), &mut seen),
                    BatchSize::SmallInput,
                );
            },
        );
    }
    for size in SIZES {
        let payload = text(TEXTS[0].1, size);
        let units: Vec<u16> = payload.encode_utf16().collect();
        let mut out = Vec::new();
        group.throughput(bytes(size));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                rfc6455::encode(Opcode::Text, black_box(payload.as_bytes()), &mut out);
            });
        });
        // The cost of a write on a SockJS websocket, where the length is known only after quoting.
        group.bench_function(BenchmarkId::new("encode and quote", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                rfc6455::encode_with(Opcode::Text, units.len() + 5, &mut out, |out| {
                    out.extend_from_slice(b"a[");
                    json::quote(black_box(&units), out);
                    out.push(b']');
                });
            });
        });
    }
    group.finish();
}

fn route(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    let requests = [
        ("info", "GET", "/echo/info?t=1700000000000"),
        ("xhr_send", "POST", "/echo/042/abcdefgh/xhr_send?t=1"),
        ("websocket", "GET", "/echo/042/abcdefgh/websocket"),
        ("not found", "GET", "/echo/042/abcdefgh/nothing"),
        ("not ours", "GET", "/static/js/main.js"),
    ];
    for (kind, prefix) in [("literal", "/echo"), ("pattern", "/(echo|chat)[0-9]*")] {
        let router = Router::new(prefix, true).expect("both prefixes are valid expressions");
        for (name, method, target) in requests {
            group.bench_function(BenchmarkId::new(kind, name), |bencher| {
                bencher.iter(|| {
                    let target = black_box(target);
                    if router.claims(target) {
                        let target = parse_target(target);
                        black_box(router.resolve(method, &target.pathname));
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(core, quote, decode, frames, route);
criterion_main!(core);
