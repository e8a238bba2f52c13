//! Sets the cfg `takeover` where sockets can be taken from Node, and lets the linker leave Node's symbols undefined until
//! the addon is loaded.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(takeover)");
    let unix = std::env::var_os("CARGO_CFG_UNIX").is_some();
    if unix && cfg!(feature = "takeover") {
        println!("cargo::rustc-cfg=takeover");
    }
    #[cfg(feature = "addon")]
    napi_build::setup();
}
