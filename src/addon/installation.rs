//! The native methods that `lib/install.js` calls. An installation stands for an http server with services.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use super::options::{bytes, delay};
use crate::ingress::installation::{Installation, Timeouts};

/// The limits of an http server. Times are in milliseconds; 0 is no limit.
#[napi(object)]
pub struct InstallationLimits {
    /// How long a connection may be idle, as the header `Keep-Alive` says.
    pub keep_alive: f64,
    /// How long a connection may be idle before it is closed.
    pub idle: f64,
    /// How long the client may send nothing within a head.
    pub stalled: f64,
    /// How long a head may take.
    pub headers: f64,
    /// How long a request may take.
    pub request: f64,
    /// Bytes.
    pub max_header_size: f64,
}

#[napi]
impl NativeEngine {
    /// Makes an installation.
    #[napi(catch_unwind)]
    pub fn create_installation(&mut self) -> u32 {
        self.installations.add(|id| Arc::new(Installation::new(id)))
    }

    /// JavaScript no longer uses the installation: the http server is garbage, so it has no connections.
    #[napi(catch_unwind)]
    pub fn release_installation(&mut self, installation: u32) {
        drop(self.installations.remove(installation));
    }

    /// Adds a service, before those that the installation has.
    #[napi(catch_unwind)]
    pub fn installation_add(&self, installation: u32, service: u32) -> Result<()> {
        self.installations
            .get(installation)?
            .install(self.services.get(service)?.clone());
        Ok(())
    }

    /// Removes a service. The event `Left` follows when no request for it is under way.
    #[napi(catch_unwind)]
    pub fn installation_remove(&self, installation: u32, service: u32) -> Result<()> {
        self.installations.get(installation)?.remove(service);
        Ok(())
    }

    /// With true, connections that have been taken return to Node with their next request.
    #[napi(catch_unwind)]
    pub fn installation_withdraw(&self, installation: u32, withdrawn: bool) -> Result<()> {
        self.installations.get(installation)?.withdraw(withdrawn);
        Ok(())
    }

    /// Sets the limits, for open connections too.
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

    /// Ends the connections that wait for a request.
    #[napi(catch_unwind)]
    pub fn installation_close_idle(&self, installation: u32) {
        self.runtime.taken.close_idle(installation);
    }
}

fn limit(milliseconds: f64) -> Option<Duration> {
    (milliseconds > 0.0).then(|| delay(milliseconds))
}
