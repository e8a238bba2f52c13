//! One non-blocking connection to the server, plain or TLS.

use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// The server's address, and how to connect to it.
pub struct Dialer {
    pub registry: Registry,
    pub target: SocketAddr,
    pub tls: Option<Arc<ClientConfig>>,
    /// Whether the kernel shall keep only few bytes for a connection.
    pub small_buffers: bool,
}

impl Dialer {
    pub fn dial(&self, token: Token) -> Result<Connection> {
        let mut socket = if self.small_buffers {
            connect_with_small_buffers(self.target)
        } else {
            TcpStream::connect(self.target)
        }
        .context("connect")?;
        socket.set_nodelay(true)?;
        self.registry
            .register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                let session = ClientConnection::new(config.clone(), name)?;
                Stream::Tls(Box::new(StreamOwned::new(session, socket)))
            }
        };
        Ok(Connection {
            stream,
            partial: Vec::new(),
            out: Vec::new(),
            sent: 0,
        })
    }
}

/// Connects so that the kernels on both sides keep few bytes: the window of the connection is small from its first
/// packet on, and so are its packets, by whose size the kernel of the server chooses its buffer.
fn connect_with_small_buffers(target: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    socket.set_recv_buffer_size(SMALL_BUFFER)?;
    socket.set_tcp_mss(SMALL_PACKET)?;
    // Over loopback this does not wait.
    socket.connect(&target.into())?;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket.into()))
}

/// Bytes.
const SMALL_BUFFER: usize = 4096;
const SMALL_PACKET: u32 = 1024;

/// A connection and its buffers. Dropping it closes it.
pub struct Connection {
    stream: Stream,
    /// Received bytes that are not complete yet.
    partial: Vec<u8>,
    /// Bytes to send; the first `sent` have left.
    out: Vec<u8>,
    sent: usize,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// The bytes for the next [`flush`](Self::flush).
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends as much as the kernel accepts; the rest is sent when the socket is writable again.
    pub fn flush(&mut self) -> Result<()> {
        while self.sent < self.out.len() {
            match self.stream.writer().write(&self.out[self.sent..]) {
                Ok(0) => bail!("the connection takes no more bytes"),
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("write"),
            }
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        if let Stream::Tls(stream) = &mut self.stream {
            match stream.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Err(error).context("TLS");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads once into `buffer` and passes the bytes to `take`, which returns the number of bytes that it has
    /// consumed. The rest is kept, and passed again with the next bytes.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        take: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<usize>,
    ) -> Result<Progress> {
        let len = match self.stream.reader().read(buffer) {
            Ok(0) => return Ok(Progress::Closed),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Drained),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Progress::More),
            Err(error) => return Err(error).context("read"),
        };
        if self.partial.is_empty() {
            let used = take(&buffer[..len], &mut self.out)?;
            self.partial.extend_from_slice(&buffer[used..len]);
        } else {
            self.partial.extend_from_slice(&buffer[..len]);
            let used = take(&self.partial, &mut self.out)?;
            self.partial.drain(..used);
        }
        // epoll(7): after a short read there is no need to wait for EAGAIN.
        if len < buffer.len() && matches!(self.stream, Stream::Plain(_)) {
            Ok(Progress::Drained)
        } else {
            Ok(Progress::More)
        }
    }
}

/// Whether another read makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There may be more to read.
    More,
    /// There is nothing to read before the next event.
    Drained,
    /// The server has ended the connection.
    Closed,
}

impl Stream {
    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

/// A TLS configuration that accepts any certificate, because the server is a child process on this machine.
pub fn tls_config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
