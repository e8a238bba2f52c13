//! The functions that JavaScript calls for each message or batch, on raw Node-API calls: one argument of the type `String`
//! of napi-rs costs more than all of `write` here.
#![allow(unsafe_code, reason = "raw Node-API calls")]

use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::*;
use napi::sys;

use super::constants::{self, EventKind, fault};
use super::state::State;
use crate::protocol::closing::Cause;
use crate::server::connection::{Outgoing, Sent};
use crate::server::events::{Event, Form, RequestInfo};
use crate::server::socket::Traffic;
use crate::server::taken_sockets::Fault;
use crate::{catch_panic, may_panic};

const COLUMNS: usize = constants::COLUMNS as usize;

/// Adds `drain`, `message` and `write` to `target`.
pub(super) fn install(
    env: &Env,
    target: &mut Object<'_>,
    state: &Rc<RefCell<State>>,
) -> Result<()> {
    for (name, function) in [
        (c"drain", drain as Callback),
        (c"message", message as Callback),
        (c"write", write as Callback),
    ] {
        let data = Rc::into_raw(state.clone()).cast_mut().cast::<c_void>();
        let value = create_function(env, name, function, data)?;
        // SAFETY: `target` and `value` are values of this call.
        unsafe {
            check_status!(sys::napi_set_named_property(
                env.raw(),
                target.raw(),
                name.as_ptr(),
                value
            ))?;
        }
    }
    Ok(())
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

fn create_function(
    env: &Env,
    name: &CStr,
    function: Callback,
    data: *mut c_void,
) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the name ends with NUL and has the given length. `data` is a reference to the state, which the finalizer drops
    // when the function can no longer be called.
    unsafe {
        check_status!(sys::napi_create_function(
            env.raw(),
            name.as_ptr(),
            name.to_bytes().len().cast_signed(),
            Some(function),
            data,
            &raw mut value
        ))?;
        check_status!(sys::napi_add_finalizer(
            env.raw(),
            value,
            data,
            Some(release),
            ptr::null_mut(),
            ptr::null_mut()
        ))?;
    }
    Ok(value)
}

/// Drops the reference of a function that [`install`] has made.
unsafe extern "C" fn release(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` for this one function, which is garbage.
    drop(unsafe { Rc::from_raw(data.cast::<RefCell<State>>()) });
}

/// The two arguments and the state of a call.
///
/// # Safety
/// Only for functions that [`install`] has made, during a call.
unsafe fn arguments<'a>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> ([sys::napi_value; 2], &'a RefCell<State>) {
    let mut count = 2;
    let mut values = [ptr::null_mut(); 2];
    let mut data = ptr::null_mut();
    // SAFETY: the caller passes the arguments with which Node has called it. Missing arguments become undefined.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            values.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        );
        (values, &*data.cast::<RefCell<State>>())
    }
}

/// `write(key, text)` → whether the application may write more: false if the connection is not open, or if more than
/// `high_water_mark` bytes wait.
unsafe extern "C" fn write(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the values of a call of a function that `install` has made.
    let ([key_value, text], state) = unsafe { arguments(env, info) };
    let mut key = 0;
    // SAFETY: as above.
    let sent = catch_panic(|| unsafe {
        let state = &mut *state.borrow_mut();
        sys::napi_get_value_uint32(env, key_value, &raw mut key);
        let mut units = std::mem::take(&mut state.units);
        let is_first_answer = std::mem::take(&mut state.handles_one);
        let sent = match state.connection(key) {
            Some(connection) => {
                may_panic("write");
                state.runtime.fan_out.catch_up(connection);
                read_utf16(env, text, &mut units);
                let send = || connection.send(Outgoing::Text(&units));
                if is_first_answer {
                    state.runtime.flush_after(send)
                } else {
                    send()
                }
            }
            // JavaScript has not handled the end of the connection yet, so the connection counts as open.
            None => Sent::Taken,
        };
        state.units = units;
        sent
    });
    let sent = sent.unwrap_or_else(|| {
        fail(state, Some(key));
        Sent::Refused
    });
    // SAFETY: as above.
    unsafe { boolean(env, sent == Sent::Taken) }
}

/// Ends a connection after a panic.
fn fail(state: &RefCell<State>, key: Option<u32>) {
    // If this panics too, the connection stays as it is.
    let _ = catch_panic(|| {
        let state = state.borrow();
        if let Some(connection) = key.and_then(|key| state.connection(key)) {
            connection.end(Cause::Panic);
        }
    });
}

/// Reads a JavaScript string, with lone surrogates, into a buffer that is used again.
///
/// # Safety
/// `text` must be a string value of `env`.
unsafe fn read_utf16(env: sys::napi_env, text: sys::napi_value, units: &mut Vec<u16>) {
    units.clear();
    if units.capacity() < 1024 {
        units.reserve(1024);
    }
    let mut len = 0;
    // SAFETY: at most as many units as given, the last of them NUL, are written to the spare capacity. `len` is the number
    // of initialised units before the NUL.
    unsafe {
        let spare = units.spare_capacity_mut();
        sys::napi_get_value_string_utf16(
            env,
            text,
            spare.as_mut_ptr().cast(),
            spare.len(),
            &raw mut len,
        );
        if len + 1 >= spare.len() {
            // The string may have been cut: read it again, with room for its whole length.
            sys::napi_get_value_string_utf16(env, text, ptr::null_mut(), 0, &raw mut len);
            units.reserve(len + 1);
            sys::napi_get_value_string_utf16(
                env,
                text,
                units.spare_capacity_mut().as_mut_ptr().cast(),
                len + 1,
                &raw mut len,
            );
        }
        units.set_len(len);
    }
}

/// `message(index)` → a message of the batch that JavaScript handles: a string (JSON text of a value for
/// [`EventKind::Value`]) or a Buffer. One call for each message costs half as much as setting elements of an array.
unsafe extern "C" fn message(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the values of a call of a function that `install` has made.
    let value = catch_panic(|| unsafe {
        let ([index_value, _], state) = arguments(env, info);
        let mut index = 0;
        sys::napi_get_value_uint32(env, index_value, &raw mut index);
        let state = state.borrow();
        let batch = state.batch();
        let Some(Event::Message(message)) = batch.events.get(index as usize) else {
            return None;
        };
        let range = message.start..message.end;
        Some(match message.form {
            Form::Ascii => latin1(env, &batch.bytes[range]),
            Form::Wide => utf16(env, &batch.wide[range]),
            Form::Value => utf8(env, &batch.bytes[range]),
            Form::Binary => buffer(env, &batch.bytes[range]),
        })
    });
    // Null becomes undefined.
    value.flatten().unwrap_or(ptr::null_mut())
}

/// `drain(values, table)` → the number of events that it has put into `table`, a `Uint32Array` with a row of [`COLUMNS`]
/// numbers for each event, and into the array `values`: see [`EventKind`]. 0 if no event waits. Before that, it sends what
/// has been written since the last call.
unsafe extern "C" fn drain(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the values of a call of a function that `install` has made.
    let ([values, table], state) = unsafe { arguments(env, info) };
    let mut count = 0;
    let mut key = None;
    // SAFETY: as above.
    let drained = catch_panic(|| unsafe {
        let state = &mut *state.borrow_mut();
        state.handled();
        // The answers to the last table leave before JavaScript handles the next one.
        state.runtime.flush();
        let mut len = 0;
        let mut numbers = ptr::null_mut();
        let status = sys::napi_get_typedarray_info(
            env,
            table,
            ptr::null_mut(),
            &raw mut len,
            &raw mut numbers,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        if status == sys::Status::napi_ok && !numbers.is_null() {
            let table = std::slice::from_raw_parts_mut(numbers.cast::<u32>(), len);
            let (rows, _) = table.as_chunks_mut::<COLUMNS>();
            state.refill();
            for row in rows {
                let Some((index, event)) = state.next_event() else {
                    break;
                };
                key = event.key();
                let (kind, [subject, a, b], value) = present(env, state, count, index, event);
                *row = [kind as u32, subject, a, b];
                if !value.is_null() {
                    sys::napi_set_element(env, values, count, value);
                }
                count += 1;
            }
        }
        state.handles_one = count == 1;
        if count > 0
            && let Some(uv_poll) = &state.uv_poll
        {
            uv_poll.batch(count as usize);
        }
    });
    if drained.is_none() {
        // The event is lost, so its connection has to end. The events before it are in the table.
        fail(state, key);
    }
    // SAFETY: as above.
    unsafe { number(env, count) }
}

/// The row of an event, and its value: null if it has none.
///
/// # Safety
/// `env` is the environment of a running call.
unsafe fn present(
    env: sys::napi_env,
    state: &mut State,
    row: u32,
    index: usize,
    event: Event,
) -> (EventKind, [u32; 3], sys::napi_value) {
    let none = ptr::null_mut();
    // SAFETY: the values are made from slices of the batch, which exist during this call.
    unsafe {
        match event {
            Event::Open {
                key,
                service,
                connection,
                request_info,
            } => {
                state.insert(key, connection);
                state.opened(row, key);
                may_panic("present");
                match request_info {
                    RequestInfo::Node { id, transport } => (
                        EventKind::OpenNode,
                        [key, service, transport as u32],
                        number(env, id),
                    ),
                    RequestInfo::Request {
                        taken_id,
                        json,
                        whole,
                    } => {
                        state.keep_request(row, whole);
                        (EventKind::Open, [key, service, taken_id], text(env, &json))
                    }
                }
            }
            Event::Attached {
                key,
                request_info: RequestInfo::Node { id, transport },
            } => (EventKind::AttachedNode, [key, id, transport as u32], none),
            Event::Attached {
                key,
                request_info:
                    RequestInfo::Request {
                        taken_id,
                        json,
                        whole,
                    },
            } => {
                state.keep_request(row, whole);
                (EventKind::Attached, [key, 0, taken_id], text(env, &json))
            }
            Event::Message(message) => {
                let kind = match message.form {
                    Form::Value => EventKind::Value,
                    Form::Ascii | Form::Wide | Form::Binary => EventKind::Message,
                };
                // Memory is too small for 2^32 events.
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                (kind, [message.key, index, 0], none)
            }
            Event::ClientClose(key) => (EventKind::ClientClose, [key, 0, 0], none),
            Event::Closing(key) => (EventKind::Closing, [key, 0, 0], none),
            Event::Closed(key) => {
                state.remove(key);
                (EventKind::Closed, [key, 0, 0], none)
            }
            Event::Drain(key) => (EventKind::Drain, [key, 0, 0], none),
            Event::Output(id) => (EventKind::Output, [id, 0, 0], none),
            Event::Ended { taken_id, traffic } => {
                let Traffic { read, written } = traffic;
                match (u32::try_from(read), u32::try_from(written)) {
                    (Ok(read), Ok(written)) => (EventKind::Ended, [taken_id, read, written], none),
                    // The numbers do not fit a row.
                    _ => (EventKind::Ended, [taken_id, 0, 0], numbers(env, traffic)),
                }
            }
            Event::Returned(returned) => {
                let value = numbers(env, returned.traffic);
                sys::napi_set_element(env, value, 2, buffer(env, &returned.bytes));
                // From here on, JavaScript owns the descriptor.
                let fd = returned.fd.into_number();
                let fault = match returned.fault {
                    None => fault::NONE,
                    Some(Fault::RequestTimeout) => fault::REQUEST_TIMEOUT,
                    Some(Fault::UnexpectedEnd) => fault::UNEXPECTED_END,
                    Some(Fault::Read(number)) => -number,
                };
                let numbers = [returned.taken_id, fd, fault.cast_unsigned()];
                (EventKind::Returned, numbers, value)
            }
            Event::Left(service) => (EventKind::Left, [service, 0, 0], none),
            Event::Log {
                service,
                severity,
                line,
            } => {
                let numbers = [service, severity as u32, 0];
                (EventKind::Log, numbers, text(env, &line))
            }
        }
    }
}

/// # Safety
/// `env` is the environment of a running call. The same holds for the functions below.
unsafe fn number(env: sys::napi_env, number: u32) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's promise. `value` is set, or stays null.
    unsafe { sys::napi_create_uint32(env, number, &raw mut value) };
    value
}

unsafe fn boolean(env: sys::napi_env, boolean: bool) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: the caller's promise. `value` is set, or stays null.
    unsafe { sys::napi_get_boolean(env, boolean, &raw mut value) };
    value
}

/// An array of the numbers of bytes read and written.
unsafe fn numbers(env: sys::napi_env, traffic: Traffic) -> sys::napi_value {
    let mut list = ptr::null_mut();
    // SAFETY: the caller's promise. If a value is null after a failure, Node returns an error status.
    unsafe {
        sys::napi_create_array(env, &raw mut list);
        for (index, bytes) in (0..).zip([traffic.read, traffic.written]) {
            let mut value = ptr::null_mut();
            #[expect(
                clippy::cast_precision_loss,
                reason = "no connection carries 2^53 bytes"
            )]
            sys::napi_create_double(env, bytes as f64, &raw mut value);
            sys::napi_set_element(env, list, index, value);
        }
    }
    list
}

unsafe fn text(env: sys::napi_env, text: &str) -> sys::napi_value {
    // SAFETY: the caller's promise.
    unsafe { utf8(env, text.as_bytes()) }
}

unsafe fn utf8(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length are those of a slice.
    unsafe {
        sys::napi_create_string_utf8(
            env,
            bytes.as_ptr().cast(),
            bytes.len().cast_signed(),
            &raw mut value,
        )
    };
    value
}

unsafe fn latin1(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length are those of a slice.
    unsafe {
        sys::napi_create_string_latin1(
            env,
            bytes.as_ptr().cast(),
            bytes.len().cast_signed(),
            &raw mut value,
        )
    };
    value
}

unsafe fn utf16(env: sys::napi_env, units: &[u16]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length are those of a slice.
    unsafe {
        sys::napi_create_string_utf16(
            env,
            units.as_ptr(),
            units.len().cast_signed(),
            &raw mut value,
        )
    };
    value
}

unsafe fn buffer(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length are those of a slice, which is copied.
    unsafe {
        sys::napi_create_buffer_copy(
            env,
            bytes.len(),
            bytes.as_ptr().cast(),
            ptr::null_mut(),
            &raw mut value,
        )
    };
    value
}
