//! The load generator must report every fault in an echo, and end the run.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;
use tungstenite::{Message, WebSocket};

/// The answer to the 100th message.
type Fault = fn(&mut WebSocket<TcpStream>, String);

/// An echo server on raw websockets that makes one fault.
fn serve(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut socket = tungstenite::accept(stream.unwrap()).unwrap();
            thread::spawn(move || {
                let mut count = 0;
                while let Ok(message) = socket.read() {
                    count += 1;
                    let Message::Text(text) = message else {
                        continue;
                    };
                    if count == 100 {
                        fault(&mut socket, text.to_string());
                    } else {
                        send(&mut socket, text.to_string());
                    }
                }
            });
        }
    });
    address
}

/// Sends a message. An error is ignored: the load generator has ended then.
fn send(socket: &mut WebSocket<TcpStream>, text: String) {
    let _ = socket.send(Message::text(text));
}

fn load(address: SocketAddr) -> Output {
    Command::new(env!("CARGO_BIN_EXE_load"))
        .arg(address.to_string())
        .args(["--protocol", "raw-websocket", "--connections", "3"])
        .args(["--in-flight", "4", "--warmup-messages", "10"])
        .args(["--messages", "2000", "--stall-seconds", "1"])
        .output()
        .unwrap()
}

fn error_of(fault: Fault) -> String {
    let output = load(serve(fault));
    assert!(!output.status.success(), "the fault was not noticed");
    assert!(
        output.stdout.is_empty(),
        "there is a report despite the fault"
    );
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_server_without_a_fault_gets_a_report() {
    let output = load(serve(send));
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["messages"].as_u64().unwrap() >= 2000);
}

#[test]
fn a_lost_message_is_noticed_at_the_next_message() {
    assert!(error_of(|_, _| {}).contains("was expected"));
}

#[test]
fn a_changed_byte_is_noticed() {
    let error = error_of(|socket, text| send(socket, text.replace("The", "the")));
    assert!(error.contains("was expected"), "{error}");
}

#[test]
fn a_shortened_message_is_noticed() {
    let error = error_of(|socket, text| send(socket, text[..text.len() - 1].to_owned()));
    assert!(error.contains("was expected"), "{error}");
}

#[test]
fn a_lengthened_message_is_noticed() {
    let error = error_of(|socket, text| send(socket, text + "!"));
    assert!(error.contains("after a message"), "{error}");
}

#[test]
fn a_repeated_message_is_noticed() {
    let error = error_of(|socket, text| {
        send(socket, text.clone());
        send(socket, text);
    });
    assert!(error.contains("was expected"), "{error}");
}

#[test]
fn exchanged_messages_are_noticed() {
    let error = error_of(|socket, first| {
        let second = socket.read().unwrap().into_text().unwrap();
        send(socket, second.to_string());
        send(socket, first);
    });
    assert!(error.contains("was expected"), "{error}");
}

#[test]
fn a_closed_connection_is_noticed() {
    let error = error_of(|socket, _| {
        let _ = socket.close(None);
    });
    assert!(error.contains("the server closed"), "{error}");
}

#[test]
fn the_loss_of_the_last_message_is_noticed() {
    let address = serve(|_, _| {});
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .arg(address.to_string())
        .args(["--protocol", "raw-websocket", "--connections", "1"])
        .args(["--warmup-messages", "10", "--messages", "1000000"])
        .args(["--stall-seconds", "1"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no more messages arrive"), "{error}");
}
