//! htmlfile: an endless page in a hidden frame, each frame a script that calls the parent.

use crate::protocol::json;

/// Appends the page's beginning. Its padding is fixed: the length varies with `callback`.
pub(super) fn prelude(callback: &str, out: &mut Vec<u8>) {
    for part in [BEFORE_CALLBACK, callback, AFTER_CALLBACK] {
        out.extend_from_slice(part.as_bytes());
    }
    out.resize(out.len() + PADDING, b' ');
    out.extend_from_slice(b"\r\n\r\n");
}

/// Appends one frame as a script; returns its UTF-16 units.
pub(super) fn wrap(_callback: &str, frame: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(BEFORE_FRAME);
    let argument = json::stringify_in_script(frame, out);
    out.extend_from_slice(AFTER_FRAME);
    BEFORE_FRAME.len() + argument + AFTER_FRAME.len()
}

const BEFORE_FRAME: &[u8] = b"<script>\np(";
const AFTER_FRAME: &[u8] = b");\n</script>\r\n";

/// Spaces that push the page past the 1 KiB at which browsers begin to render.
const PADDING: usize = 653;

const BEFORE_CALLBACK: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent."#;

const AFTER_CALLBACK: &str = r";
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>";
