//! Notices to a service manager that speaks the protocol of `sd_notify`.

/// Says that the service is ready.
pub(crate) fn ready() {
    send("READY=1");
}

/// Says that the service ends.
pub(crate) fn stopping() {
    send("STOPPING=1");
}

/// Sends `state` to the socket in `NOTIFY_SOCKET`. A manager that cannot be told is not an error of the service.
#[cfg(unix)]
fn send(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
        return;
    };
    let sent = std::os::unix::net::UnixDatagram::unbound()
        .and_then(|socket| socket.send_to_addr(state.as_bytes(), &address(&path)?));
    if let Err(error) = sent {
        tracing::warn!("NOTIFY_SOCKET: {error}");
    }
}

/// There is no such manager.
#[cfg(not(unix))]
fn send(_: &str) {}

/// A path, or after `@` a name in the abstract namespace.
#[cfg(target_os = "linux")]
fn address(path: &std::ffi::OsStr) -> std::io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::SocketAddr;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn address(path: &std::ffi::OsStr) -> std::io::Result<std::os::unix::net::SocketAddr> {
    std::os::unix::net::SocketAddr::from_pathname(path)
}
