//! Events for the application, queued in batches until the JavaScript thread drains them.

mod batch;
mod event;
mod queue;

pub use batch::{EventBatch, Inbox};
pub use event::{Event, Form, Message, RequestInfo, Severity};
pub use queue::{EventQueue, Waker};
