//! What the system holds of a connection's responses. Left alone it is megabytes for each client that reads slowly, and
//! hides for minutes how slowly that is.

use socket2::SockRef;
use tokio::net::TcpStream;

/// How much may wait in the system that it cannot send yet. What is under way to a distant client comes on top of it, so
/// this costs no speed. The system may exceed it by one packet, which locally has 64 KiB.
const UNSENT_BYTES: u32 = 64 * 1024;

/// Bounds what waits to be sent. Where the system has no such bound, that of its own remains.
pub fn bound(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = SockRef::from(stream).set_send_buffer_size(UNSENT_BYTES as usize);
}

/// Bytes that were written and that the client's system has not received yet; 0 where the system does not say.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "this request of ioctl has no safe binding")]
pub fn unreceived_bytes(stream: &TcpStream) -> u64 {
    use std::os::fd::AsRawFd;

    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `stream` is, and tcp(7) says that SIOCOUTQ writes one int.
    let asked = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if asked == 0 { u64::try_from(bytes).unwrap_or(0) } else { 0 }
}

#[cfg(not(target_os = "linux"))]
pub fn unreceived_bytes(_: &TcpStream) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn little_is_held_for_a_client_that_does_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(connecting, listener.accept());
        let (mut client, (server, _)) = (client.unwrap(), accepted.unwrap());
        bound(&server);
        let piece = vec![0; 64 * 1024];
        let mut written = 0;
        // Until the system takes no more, which it says once its own side of the client has filled.
        while let Ok(Ok(())) = tokio::time::timeout(std::time::Duration::from_millis(300), server.writable()).await {
            written += server.try_write(&piece).unwrap_or(0) as u64;
        }
        let unreceived = unreceived_bytes(&server);
        assert!(unreceived > 0 && unreceived <= 4 * u64::from(UNSENT_BYTES), "{unreceived} of {written} bytes wait");
        // What the client has received is less by that.
        let mut read = vec![0; usize::try_from(written).unwrap()];
        client.read_exact(&mut read).await.unwrap();
        // The last acknowledgement may be under way.
        for _ in 0..500 {
            if unreceived_bytes(&server) == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} bytes wait though all was read", unreceived_bytes(&server));
    }
}
