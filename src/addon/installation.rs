//! What `lib/install.js` calls: http servers, their services and their limits.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use super::options::{bytes, delay};
use crate::ingress::installation::{Installation, Timeouts};

/// The limits of an http server: times in milliseconds, of which 0 is none.
#[napi(object)]
pub struct InstallationLimits {
    /// What is announced to the client.
    pub keep_alive: f64,
    /// How long a connection may really be idle.
    pub idle: f64,
    /// How long an incomplete head may pause.
    pub stalled: f64,
    /// For a head.
    pub headers: f64,
    /// For a request.
    pub request: f64,
    /// Bytes.
    pub max_header_size: f64,
}

#[napi]
impl NativeEngine {
    /// An http server.
    #[napi(catch_unwind)]
    pub fn create_installation(&mut self) -> u32 {
        self.installations.add(|id| Arc::new(Installation::new(id)))
    }

    /// JavaScript has let go of the http server, which has no connections then.
    #[napi(catch_unwind)]
    pub fn release_installation(&mut self, installation: u32) {
        drop(self.installations.remove(installation));
    }

    /// Puts a service in front of those that the installation has.
    #[napi(catch_unwind)]
    pub fn installation_add(&self, installation: u32, service: u32) -> Result<()> {
        self.installations
            .get(installation)?
            .install(self.services.get(service)?.clone());
        Ok(())
    }

    /// Takes a service off an installation. The event `Left` follows when no request for it is under way there.
    #[napi(catch_unwind)]
    pub fn installation_remove(&self, installation: u32, service: u32) -> Result<()> {
        self.installations.get(installation)?.remove(service);
        Ok(())
    }

    /// Whether connections of the installation stay in Node, or return to it with their next request.
    #[napi(catch_unwind)]
    pub fn installation_withdraw(&self, installation: u32, withdrawn: bool) -> Result<()> {
        self.installations.get(installation)?.withdraw(withdrawn);
        Ok(())
    }

    /// Follows the http server's limits.
    #[napi(catch_unwind)]
    pub fn installation_configure(
        &self,
        installation: u32,
        limits: InstallationLimits,
    ) -> Result<()> {
        let timeouts = Timeouts {
            keep_alive: limit(limits.keep_alive),
            idle: limit(limits.idle),
            stalled: limit(limits.stalled),
            headers: limit(limits.headers),
            request: limit(limits.request),
        };
        self.installations
            .get(installation)?
            .configure(timeouts, bytes(limits.max_header_size));
        self.runtime.taken.wake(installation);
        Ok(())
    }

    /// Ends the connections of the installation that wait for a request.
    #[napi(catch_unwind)]
    pub fn installation_close_idle(&self, installation: u32) {
        self.runtime.taken.close_idle(installation);
    }
}

fn limit(milliseconds: f64) -> Option<Duration> {
    (milliseconds > 0.0).then(|| delay(milliseconds))
}
