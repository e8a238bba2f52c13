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

/// The load generator can only detect this fault by the content of the message.
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

fn complaint(fault: Fault) -> String {
    let output = load(serve(fault));
    assert!(!output.status.success(), "the fault went unnoticed");
    assert!(output.stdout.is_empty(), "a report in spite of the fault");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_faultless_server_gets_a_report() {
    let output = load(serve(send));
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["messages"].as_u64().unwrap() >= 2000);
}

#[test]
fn a_lost_message_is_noticed_when_the_next_comes() {
    assert!(complaint(|_, _| {}).contains("was expected"));
}

#[test]
fn a_changed_byte_is_noticed() {
    let complaint = complaint(|socket, text| send(socket, text.replace("The", "the")));
    assert!(complaint.contains("was expected"), "{complaint}");
}

#[test]
fn a_shortened_message_is_noticed() {
    let complaint = complaint(|socket, text| send(socket, text[..text.len() - 1].to_owned()));
    assert!(complaint.contains("was expected"), "{complaint}");
}

#[test]
fn a_lengthened_message_is_noticed() {
    let complaint = complaint(|socket, text| send(socket, text + "!"));
    assert!(complaint.contains("after a message"), "{complaint}");
}

#[test]
fn a_repeated_message_is_noticed() {
    let complaint = complaint(|socket, text| {
        send(socket, text.clone());
        send(socket, text);
    });
    assert!(complaint.contains("was expected"), "{complaint}");
}

#[test]
fn exchanged_messages_are_noticed() {
    let complaint = complaint(|socket, first| {
        let second = socket.read().unwrap().into_text().unwrap();
        send(socket, second.to_string());
        send(socket, first);
    });
    assert!(complaint.contains("was expected"), "{complaint}");
}

#[test]
fn a_closed_connection_is_noticed() {
    let complaint = complaint(|socket, _| {
        let _ = socket.close(None);
    });
    assert!(complaint.contains("the server closed"), "{complaint}");
}

#[test]
fn the_last_message_may_not_be_lost() {
    let address = serve(|_, _| {});
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .arg(address.to_string())
        .args(["--protocol", "raw-websocket", "--connections", "1"])
        .args(["--warmup-messages", "10", "--messages", "1000000"])
        .args(["--stall-seconds", "1"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("nothing comes any more"), "{complaint}");
}
