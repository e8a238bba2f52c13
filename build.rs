//! Lets the addon leave Node's symbols to be found when it is loaded.

fn main() {
    #[cfg(feature = "addon")]
    napi_build::setup();
}
